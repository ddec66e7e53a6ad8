"""Evidence of a value unusual for its time of day: its residual against the bin of that time.

48 bins of half an hour, UTC. The current bin is kept with the hot scalars and written back to its
place among the others only when the next half hour begins, which saves a range in every commit.
How often a bin was learnt matters for its first samples only, so the others' counts share fields.
"""

from __future__ import annotations

import math

from anomaly_dataplane.detectors import baseline, tail

START = 0
RESIDUAL = 1
SCORED = 2
SMOOTH = 3
CURRENT = 4  # 1 + the bin that the next three belong to; 0 before the first sample
BIN_MEAN = 5
BIN_DEVIATION = 6
BIN_COUNT = 7
TAIL = 8
COUNTS = TAIL + tail.SIZE  # of all bins but the current one, COUNTS_A_FIELD to a float64

BINS = 48
BIN_SIZE = 2  # mean and deviation
COLD_SIZE = BINS * BIN_SIZE

COUNTS_A_FIELD = 8
COUNT_BITS = 6  # 48 to a field: a float64 holds integers of 53 bits exactly
COUNT_LIMIT = 63
"""Counts stop here; beyond 1 / LEAST_RATE, which is 33, more of them changes nothing."""

SIZE = COUNTS + BINS // COUNTS_A_FIELD

DAY = 86400.0
SMOOTHING = 0.25
LEAST_RATE = 0.03
FLOOR_SHARE = 0.1


def start(s: memoryview[float], o: int, ts: float) -> None:
    """Begin with the time of the first sample."""
    s[o + START] = ts


def enter(s: memoryview[float], o: int, bins: int, ts: float) -> int:
    """Make the bin of `ts` the current one.

    Args:
        s: the block.
        o: where this family's fields start.
        bins: where the cold bins start.
        ts: Unix seconds.

    Returns:
        The bin that was written back to its place, -1 if none was.
    """
    of_day = math.fmod(ts, DAY)
    if of_day < 0.0:
        of_day += DAY
    wanted = int(of_day / DAY * BINS)
    if wanted == BINS:
        wanted = BINS - 1
    left = int(s[o + CURRENT] - 1.0)
    if left == wanted:
        return -1
    if 0 <= left < BINS:
        place = bins + BIN_SIZE * left
        s[place] = s[o + BIN_MEAN]
        s[place + 1] = s[o + BIN_DEVIATION]
        _keep_count(s, o + COUNTS, left, s[o + BIN_COUNT])
    place = bins + BIN_SIZE * wanted
    s[o + BIN_MEAN] = s[place]
    s[o + BIN_DEVIATION] = s[place + 1]
    s[o + BIN_COUNT] = _count(s, o + COUNTS, wanted)
    s[o + CURRENT] = wanted + 1.0
    return left if left < BINS else -1


def evidence(
    s: memoryview[float], o: int, x: float, ts: float, t: float, global_std: float
) -> float:
    """Evidence of `x` in the current bin, then learn it. Nothing in the first day."""
    mean, deviation, count = s[o + BIN_MEAN], s[o + BIN_DEVIATION], s[o + BIN_COUNT]
    floor = FLOOR_SHARE * global_std + 1e-12
    r = x - mean
    score = 0.0
    if ts - s[o + START] >= DAY and count > 0.0:
        scored = s[o + SCORED]
        residual = s[o + RESIDUAL]
        rate = 1.0 / min(scored + 1.0, 1000.0)
        scored += 1.0
        size = abs(r)
        if scored > 50.0:
            size = min(size, 8.0 * residual + 1e-9 + 2.0 * floor)
        residual += rate * (size - residual)
        spread = baseline.STD_PER_DEVIATION * 0.5 * (deviation + residual)
        z = r / (spread + floor + 1e-3 * abs(mean))
        s[o + SCORED] = scored
        s[o + RESIDUAL] = residual
        s[o + SMOOTH] += SMOOTHING * (z - s[o + SMOOTH])
        if scored > 100.0:
            score = abs(s[o + SMOOTH])
        limit = baseline.STD_PER_DEVIATION * deviation + 0.3 * residual + floor
        r = baseline.clip(r, 4.0 * limit)
    rate = max(LEAST_RATE, 1.0 / (count + 1.0))
    s[o + BIN_MEAN] = mean + rate * r
    s[o + BIN_DEVIATION] = deviation + rate * (abs(r) - deviation)
    s[o + BIN_COUNT] = count + 1.0
    return tail.evidence(s, o + TAIL, score, t, tail.GAP, False)


def _count(s: memoryview[float], counts: int, of: int) -> float:
    """How often a bin was learnt, COUNT_LIMIT at most; its field is among those at `counts`."""
    packed = int(s[counts + of // COUNTS_A_FIELD])
    return float((packed >> (COUNT_BITS * (of % COUNTS_A_FIELD))) & COUNT_LIMIT)


def _keep_count(s: memoryview[float], counts: int, of: int, count: float) -> None:
    """Set it."""
    at = counts + of // COUNTS_A_FIELD
    shift = COUNT_BITS * (of % COUNTS_A_FIELD)
    packed = int(s[at])
    before = (packed >> shift) & COUNT_LIMIT
    after = int(min(count, float(COUNT_LIMIT)))
    s[at] = float(packed - (before << shift) + (after << shift))
