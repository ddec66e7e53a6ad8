"""The sliding window: mean and squared deviations of the last samples, kept in the block.

Sliding Welford update, West (1979), "Updating mean and variance estimates: an improved method",
with the outgoing sample's term subtracted; recomputed exactly once a turn of the ring and whenever
cancellation may have eaten the digits, so that rounding never accumulates.
"""

from __future__ import annotations

import math

from anomaly_dataplane.detectors import stamps
from anomaly_dataplane.state.layout import COUNT, M2, MEAN, NAN, NEWEST

CANCELLATION = 1e-2
"""Recompute when M2 falls below this share of its previous value: an excursion left the window."""

FLAT_SHARE = 1e-9
"""A standard deviation below this share of |mean| is rounding noise: the window is flat."""

FLAT_SCALE = 1e-3
"""In a flat window a deviation is measured against this share of |mean|, which has no better."""

Z_LIMIT = 1e6
"""|z| is capped here: a constant 0 followed by anything else has no scale at all."""


def scale(mean: float, std: float) -> float:
    """What one sigma is worth: the standard deviation, or a share of the mean if that is flat."""
    if std > FLAT_SHARE * abs(mean):
        return std
    return FLAT_SCALE * abs(mean)


def z_score(value: float, mean: float, std: float) -> float:
    """Deviation of `value` in sigma, within +-Z_LIMIT; 0 if it does not deviate."""
    deviation = value - mean
    if deviation == 0.0:
        return 0.0
    sigma = scale(mean, std)
    if abs(deviation) >= Z_LIMIT * sigma:
        return math.copysign(Z_LIMIT, deviation)
    return deviation / sigma


def insert(
    block: memoryview[float],
    words: memoryview[int],
    base: int,
    micros: int,
    ring: int,
    window: int,
    value: float,
    time: float,
    valid: int,
) -> int:
    """Put a sample into the ring of the block at `base`, pushing out the oldest if it is full.

    Args:
        block: holds it.
        words: the same as words of 32 bits.
        base: where it starts.
        micros: where its microseconds do, in words.
        ring: where the ring starts within it.
        window: slots of the ring.
        value: NaN for a sample that only its time is kept of.
        time: Unix milliseconds.
        valid: values in the ring that are not NaN.

    Returns:
        How many there are now.
    """
    count = int(block[base + COUNT])
    place = stamps.enter(block, words, base, micros, ring, window, count, time)
    slot = base + ring + place
    full = count >= window
    outgoing = block[slot]
    block[slot] = value
    block[base + COUNT] = count + 1
    if count == 0 or time > block[base + NEWEST]:
        block[base + NEWEST] = time
    leaves = full and outgoing == outgoing
    if value != value:
        if leaves:
            recompute(block, base, ring, window)
            return valid - 1
        return valid
    mean = block[base + MEAN]
    before = block[base + M2]
    if leaves:
        shifted = mean + (value - outgoing) / valid
        after = before + (value - outgoing) * (value - shifted + outgoing - mean)
        mean = shifted
    else:
        delta = value - mean
        valid += 1
        mean += delta / valid
        after = before + delta * (value - mean)
    block[base + MEAN] = mean
    block[base + M2] = max(after, 0.0)
    if place == window - 1 or (full and after < CANCELLATION * before):
        recompute(block, base, ring, window)
    return valid


def recompute(block: memoryview[float], base: int, ring: int, window: int) -> None:
    """Set mean and M2 from the ring itself, in two passes, shifted so that a constant gives 0."""
    held = int(block[base + COUNT])
    held = held if held < window else window
    first = base + ring
    origin = total = squares = 0.0
    valid = 0
    for i in range(first, first + held):
        value = block[i]
        if value == value:
            if valid == 0:
                origin = value
            total += value - origin
            valid += 1
    if valid == 0:
        block[base + MEAN] = block[base + M2] = 0.0
        return
    mean = origin + total / valid
    for i in range(first, first + held):
        deviation = block[i] - mean
        if deviation == deviation:
            squares += deviation * deviation
    block[base + MEAN] = mean
    block[base + M2] = squares


def forget(block: memoryview[float], base: int, ring: int, window: int) -> None:
    """Keep the times of the samples in the ring, which tell repeats, and nothing of the values."""
    for i in range(base + ring, base + ring + window):
        block[i] = NAN
    block[base + MEAN] = block[base + M2] = 0.0
