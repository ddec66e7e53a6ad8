"""Evidence of a jump: the step from one sample to the next."""

from __future__ import annotations

from anomaly_dataplane.detectors import tail

PREVIOUS = 0
TAIL = 1
SIZE = TAIL + tail.SIZE


def start(s: memoryview[float], o: int, x: float) -> None:
    """Begin with the first value."""
    s[o + PREVIOUS] = x


def evidence(s: memoryview[float], o: int, x: float, t: float) -> float:
    """Evidence of `x`, then learn it."""
    step = abs(x - s[o + PREVIOUS])
    s[o + PREVIOUS] = x
    return tail.evidence(s, o + TAIL, step, t, tail.GAP, True)
