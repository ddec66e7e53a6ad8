"""Protocols, one module each: bytes -> batch of samples and precise errors."""
