"""A baseline that forgets: mean and mean absolute deviation, with updates clipped as by Huber."""

from __future__ import annotations

import math

MEAN = 0
DEVIATION = 1
SIZE = 2

STD_PER_DEVIATION = 1.2533
"""Standard deviation over mean absolute deviation, of a Gaussian."""
CLIP_SCALES = 4.0
UNLIMITED = math.inf


def scale(s: memoryview[float], o: int) -> float:
    """What one deviation is worth; never 0, since a thousandth of the mean is noise."""
    return STD_PER_DEVIATION * s[o + DEVIATION] + 1e-12 + 1e-3 * abs(s[o + MEAN])


def learn(s: memoryview[float], o: int, value: float, rate: float, limit: float) -> None:
    """Move towards `value` by `rate` of its deviation, bounded to +-`limit`."""
    error = clip(value - s[o + MEAN], limit)
    s[o + MEAN] += rate * error
    s[o + DEVIATION] += rate * (abs(error) - s[o + DEVIATION])


def clip(value: float, limit: float) -> float:
    """`value`, but no further from 0 than `limit`."""
    if value > limit:
        return limit
    return -limit if value < -limit else value
