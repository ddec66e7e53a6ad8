"""Evidence of a shifted level: a short moving mean against a long robust baseline.

Twice in `Fused`: quick, for what happens within minutes, and slow, for what creeps or is too small
for the quick one to tell from noise.
"""

from __future__ import annotations

from anomaly_dataplane.detectors import baseline, tail

SHORT = 0
LONG = 1
TAIL = LONG + baseline.SIZE
SIZE = TAIL + tail.SIZE

WARM_UP = 30.0

QUICK = 0.15
"""Rate of the short mean."""
QUICK_HORIZON = 500.0
"""Forgetting of the quick one's baseline, in samples: it goes with a trend."""
SLOW = 0.05
SLOW_GAP = 100.0
"""Samples between two excesses of the slow one, whose excursions last longer."""
SLOW_CAP = 6.3
"""So that at the usual threshold it needs a second: noise with a memory drifts far by itself."""


def quick(s: memoryview[float], o: int, x: float, t: float, shaped: bool) -> float:
    """Evidence of `x` by the quick mean, then learn it; `shaped` is its tail, as in `tail.py`."""
    return _evidence(s, o, x, t, QUICK, QUICK_HORIZON, tail.GAP, shaped)


def slow(s: memoryview[float], o: int, x: float, t: float) -> float:
    """Evidence of `x` by the slow mean, then learn it."""
    return min(_evidence(s, o, x, t, SLOW, tail.HORIZON, SLOW_GAP, False), SLOW_CAP)


def _evidence(
    s: memoryview[float],
    o: int,
    x: float,
    t: float,
    rate: float,
    horizon: float,
    gap: float,
    shaped: bool,
) -> float:
    """Both: of a short mean that moves by `rate`, with a baseline that forgets over `horizon`."""
    if t == 0.0:
        s[o + SHORT] = s[o + LONG + baseline.MEAN] = x
    s[o + SHORT] += rate * (x - s[o + SHORT])
    short = s[o + SHORT]
    score, limit = 0.0, baseline.UNLIMITED
    if t >= WARM_UP:
        one = baseline.scale(s, o + LONG)
        score = abs(short - s[o + LONG + baseline.MEAN]) / one
        limit = baseline.CLIP_SCALES * one
    baseline.learn(s, o + LONG, short, 1.0 / min(t + 1.0, horizon), limit)
    return tail.evidence(s, o + TAIL, score, t, gap, shaped)
