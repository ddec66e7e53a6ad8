"""Evidence of a shifted level: a short moving mean against a long robust baseline."""

from __future__ import annotations

from anomaly_dataplane.detectors import baseline, tail

SHORT = 0
LONG = 1
TAIL = LONG + baseline.SIZE
SIZE = TAIL + tail.SIZE

ALPHA = 0.15
WARM_UP = 30.0


def start(s: memoryview[float], o: int, x: float) -> None:
    """Begin with the first value."""
    s[o + SHORT] = s[o + LONG + baseline.MEAN] = x


def evidence(s: memoryview[float], o: int, x: float, t: float, rate: float) -> float:
    """Evidence of `x`, then learn it."""
    s[o + SHORT] += ALPHA * (x - s[o + SHORT])
    short = s[o + SHORT]
    score, limit = 0.0, baseline.UNLIMITED
    if t >= WARM_UP:
        one = baseline.scale(s, o + LONG)
        score = abs(short - s[o + LONG + baseline.MEAN]) / one
        limit = baseline.CLIP_SCALES * one
    baseline.learn(s, o + LONG, short, rate, limit)
    return tail.evidence(s, o + TAIL, score, t, tail.GAP, False)
