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
SLOW = 0.05
SLOW_GAP = 100.0
"""Samples between two excesses of the slow one, whose excursions last longer."""
SLOW_CAP = 6.3
"""So that at the usual threshold it needs a second: noise with a memory drifts far by itself."""


def evidence(
    s: memoryview[float], o: int, x: float, t: float, rate: float, short_rate: float, gap: float
) -> float:
    """Evidence of `x`, then learn it.

    Args:
        s: the block.
        o: where this family's fields start.
        x: the value.
        t: samples that this family has seen.
        rate: of the baseline.
        short_rate: of the short mean.
        gap: samples between excesses that count as two.
    """
    if t == 0.0:
        s[o + SHORT] = s[o + LONG + baseline.MEAN] = x
    s[o + SHORT] += short_rate * (x - s[o + SHORT])
    short = s[o + SHORT]
    score, limit = 0.0, baseline.UNLIMITED
    if t >= WARM_UP:
        one = baseline.scale(s, o + LONG)
        score = abs(short - s[o + LONG + baseline.MEAN]) / one
        limit = baseline.CLIP_SCALES * one
    baseline.learn(s, o + LONG, short, rate, limit)
    return tail.evidence(s, o + TAIL, score, t, gap, False)
