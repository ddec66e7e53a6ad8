"""A family of `Fused` as a method of its own: its evidence is the score.

One branch a family. Before its fields stand what several of them need: how many samples were seen,
and mean and variance of all.
"""

from __future__ import annotations

import math

from anomaly_dataplane.detectors import jump, level, record, robust, seasonal, tail, volatility
from anomaly_dataplane.detectors.families import (
    FIELDS,
    JUMP,
    LEVEL,
    RANGE,
    ROBUST,
    SEASONAL,
    VOLATILITY,
)

SEEN = 0
GLOBAL_MEAN = 1
GLOBAL_VARIANCE = 2


def step(
    which: int,
    s: memoryview[float],
    o: int,
    bins: int,
    ring: int,
    held: int,
    ts: float,
    x: float,
) -> tuple[float, int, int, float]:
    """Score a sample by one family, then learn it: `steps.step`."""
    t = s[o + SEEN]
    at = o + FIELDS
    if t == 0.0:
        _start(which, s, o, ts, x)
    s[o + SEEN] = t + 1.0
    rate = 1.0 / min(t + 1.0, tail.HORIZON)
    error = x - s[o + GLOBAL_MEAN]
    s[o + GLOBAL_MEAN] += rate * error
    s[o + GLOBAL_VARIANCE] += rate * (error * error - s[o + GLOBAL_VARIANCE])
    variance = s[o + GLOBAL_VARIANCE]
    found = 0.0
    written = -1
    if which == LEVEL:
        found = level.quick(s, at, x, t, False)
    elif which == SEASONAL:
        written = seasonal.enter(s, at, bins, ts)
        found = seasonal.evidence(s, at, x, ts, t, math.sqrt(variance))
    elif which == JUMP:
        found = jump.evidence(s, at, x, t)
    elif which == VOLATILITY:
        found = volatility.evidence(s, at, x, t, variance)
    elif which == RANGE:
        found = record.evidence(s, at, x, t)
    elif which == ROBUST:
        found = robust.evidence(s, at, ring, held, x, t)
    return found, 0 if found > 0.0 else -1, written, 1.0


def _start(which: int, s: memoryview[float], o: int, ts: float, x: float) -> None:
    at = o + FIELDS
    s[o + GLOBAL_MEAN] = x
    if which == SEASONAL:
        seasonal.start(s, at, ts)
    elif which == JUMP:
        jump.start(s, at, x)
    elif which == VOLATILITY:
        volatility.start(s, at, x)
    elif which == RANGE:
        record.start(s, at, x)
