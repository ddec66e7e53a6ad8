"""What ends the benchmark early, worded for the person who started it."""

from __future__ import annotations


class BenchError(Exception):
    """The benchmark cannot go on; the message says why and what would help."""
