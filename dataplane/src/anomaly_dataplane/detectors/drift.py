"""Evidence of a slow shift: as `level.py`, of a mean three times as long.

It finds what creeps, and what is too small for the faster one to tell from noise.
"""

from __future__ import annotations

from anomaly_dataplane.detectors import baseline, tail

SHORT = 0
LONG = 1
TAIL = LONG + baseline.SIZE
SIZE = TAIL + tail.SIZE

ALPHA = 0.05
WARM_UP = 30.0
GAP = 100.0
CAP = 6.3
"""So that at the usual threshold it needs a second: noise with a memory drifts far by itself."""


def evidence(s: memoryview[float], o: int, x: float, t: float) -> float:
    """Evidence of `x`, then learn it; `t` is what this family has seen."""
    if t == 0.0:
        s[o + SHORT] = s[o + LONG + baseline.MEAN] = x
    s[o + SHORT] += ALPHA * (x - s[o + SHORT])
    short = s[o + SHORT]
    score, limit = 0.0, baseline.UNLIMITED
    if t >= WARM_UP:
        one = baseline.scale(s, o + LONG)
        score = abs(short - s[o + LONG + baseline.MEAN]) / one
        limit = baseline.CLIP_SCALES * one
    baseline.learn(s, o + LONG, short, 1.0 / min(t + 1.0, tail.HORIZON), limit)
    return min(tail.evidence(s, o + TAIL, score, t, GAP, False), CAP)
