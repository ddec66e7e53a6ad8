"""Detectors: kernels that score samples in place on the state of their series."""
