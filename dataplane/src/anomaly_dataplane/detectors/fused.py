"""The `Fused` method: evidence of several families, one vote each, added up.

A sum of log tail odds. Level and season share a vote, as do surprise and volatility, so that one
cause is not counted twice. Math and measurements: docs/detection.md.
"""

from __future__ import annotations

import math

from anomaly_dataplane.detectors import (
    flat,
    jump,
    level,
    record,
    seasonal,
    surprise,
    tail,
    volatility,
)

SEEN = 0
GLOBAL_MEAN = 1
GLOBAL_VARIANCE = 2
LEVEL = 3
SEASONAL = LEVEL + level.SIZE
JUMP = SEASONAL + seasonal.SIZE
SURPRISE = JUMP + jump.SIZE
VOLATILITY = SURPRISE + surprise.SIZE
RECORD = VOLATILITY + volatility.SIZE
SINCE = RECORD + record.SIZE  # samples that the next families saw, which came later
DRIFT = SINCE + 1
FLAT = DRIFT + level.SIZE
SIZE = FLAT + flat.SIZE
ADDED = SIZE - SINCE
"""Fields that blocks of layout number 3 lack."""
COLD_SIZE = seasonal.COLD_SIZE
COLD_PIECE = seasonal.BIN_SIZE

EVIDENCE_OFFSET = 1.3
"""A family votes only with the evidence above its own 5 % tail."""

FAMILIES = ("level", "seasonal", "jump", "dynamics", "volatility", "range", "flat")
NO_FAMILY = -1


def start(s: memoryview[float], o: int, ts: float, x: float) -> None:
    """Begin all families with the first sample."""
    s[o + GLOBAL_MEAN] = x
    seasonal.start(s, o + SEASONAL, ts)
    jump.start(s, o + JUMP, x)
    surprise.start(s, o + SURPRISE, x)
    volatility.start(s, o + VOLATILITY, x)
    record.start(s, o + RECORD, x)


def step(  # noqa: C901  # a vote after the other
    s: memoryview[float], o: int, bins: int, ts: float, x: float
) -> tuple[float, int, int, float]:
    """Score a sample, then learn it: `steps.step`. The cold pieces are the season's bins."""
    t = s[o + SEEN]
    if t == 0.0:
        start(s, o, ts, x)
    s[o + SEEN] = t + 1.0
    rate = 1.0 / min(t + 1.0, tail.HORIZON)
    error = x - s[o + GLOBAL_MEAN]
    s[o + GLOBAL_MEAN] += rate * error
    s[o + GLOBAL_VARIANCE] += rate * (error * error - s[o + GLOBAL_VARIANCE])
    variance = s[o + GLOBAL_VARIANCE]
    written = seasonal.enter(s, o + SEASONAL, bins, ts)

    since = s[o + SINCE]
    s[o + SINCE] = since + 1.0
    previous = s[o + JUMP + jump.PREVIOUS]

    e_level = level.quick(s, o + LEVEL, x, t, True)
    e_level = max(e_level, level.slow(s, o + DRIFT, x, since))
    e_season = seasonal.evidence(s, o + SEASONAL, x, ts, t, math.sqrt(variance))
    e_jump = jump.evidence(s, o + JUMP, x, t)
    e_surprise = surprise.evidence(s, o + SURPRISE, x, t, rate)
    e_volatility = volatility.evidence(s, o + VOLATILITY, x, t, variance)
    e_record = record.evidence(s, o + RECORD, x, t)
    if e_record > 0.0:
        e_record = min(e_record, record.most(t))
    low, high = s[o + RECORD + record.LOW], s[o + RECORD + record.HIGH]
    e_flat = flat.evidence(s, o + FLAT, x, since, previous, low, high)

    score = best = 0.0
    family = NO_FAMILY
    vote = max(e_level, e_season) - EVIDENCE_OFFSET
    if vote > 0.0:
        score = best = vote
        family = 0 if e_level >= e_season else 1
    vote = e_jump - EVIDENCE_OFFSET
    if vote > 0.0:
        score += vote
        if vote > best:
            best = vote
            family = 2
    vote = max(e_surprise, e_volatility) - EVIDENCE_OFFSET
    if vote > 0.0:
        score += vote
        if vote > best:
            best = vote
            family = 3 if e_surprise >= e_volatility else 4
    vote = e_record - EVIDENCE_OFFSET
    if vote > 0.0:
        score += vote
        if vote > best:
            best = vote
            family = 5
    vote = e_flat - EVIDENCE_OFFSET
    if vote > 0.0:
        score += vote
        if vote > best:
            best = vote
            family = 6
    return score, family, written, best / score if score > 0.0 else 0.0
