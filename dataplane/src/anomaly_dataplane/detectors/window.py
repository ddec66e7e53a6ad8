"""The sliding window: mean and squared deviations of the last samples, kept in the block.

Sliding Welford update, West (1979), "Updating mean and variance estimates: an improved method",
with the outgoing sample's term subtracted; recomputed exactly once a turn of the ring and whenever
cancellation may have eaten the digits, so that rounding never accumulates.
"""

from __future__ import annotations

import math

from anomaly_dataplane.state.layout import COUNT, HORIZON, M2, MEAN, NEWEST

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


def holds(block: memoryview[float], ring: int, held: int, time: float) -> bool:
    """Whether one of the `held` samples of a ring has exactly this time."""
    for slot in range(held):  # noqa: SIM110  # a generator would not compile to a plain loop
        if block[ring + 2 * slot + 1] == time:
            return True
    return False


def insert(
    block: memoryview[float], base: int, ring: int, window: int, value: float, time: float
) -> None:
    """Put a sample into the ring of the block at `base`, pushing out the oldest if it is full.

    `ring` is where the ring starts within the block.
    """
    count = int(block[base + COUNT])
    slot = base + ring + 2 * (count % window)
    mean = block[base + MEAN]
    before = block[base + M2]
    if count < window:
        delta = value - mean
        mean += delta / (count + 1)
        after = before + delta * (value - mean)
    else:
        outgoing = block[slot]
        block[base + HORIZON] = max(block[base + HORIZON], block[slot + 1])
        shifted = mean + (value - outgoing) / window
        after = before + (value - outgoing) * (value - shifted + outgoing - mean)
        mean = shifted
    block[slot] = value
    block[slot + 1] = time
    block[base + MEAN] = mean
    block[base + M2] = max(after, 0.0)
    block[base + COUNT] = count + 1
    if count == 0 or time > block[base + NEWEST]:
        block[base + NEWEST] = time
    if (count + 1) % window == 0 or (count >= window and after < CANCELLATION * before):
        recompute(block, base, ring, window)


def recompute(block: memoryview[float], base: int, ring: int, window: int) -> None:
    """Set mean and M2 from the ring itself, in two passes, shifted so that a constant gives 0."""
    held = int(block[base + COUNT])
    held = held if held < window else window
    if held == 0:
        return
    first = base + ring
    origin = block[first]
    total = 0.0
    for i in range(first, first + 2 * held, 2):
        total += block[i] - origin
    mean = origin + total / held
    squares = 0.0
    for i in range(first, first + 2 * held, 2):
        deviation = block[i] - mean
        squares += deviation * deviation
    block[base + MEAN] = mean
    block[base + M2] = squares
