"""Measures what detection finds and what it costs. `make bench-detection`."""
