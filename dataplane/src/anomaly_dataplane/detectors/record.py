"""Evidence of a record: a value outside everything that this series ever showed."""

from __future__ import annotations

import math

LOW = 0
HIGH = 1
SIZE = 2

WARM_UP = 50.0


def most(t: float) -> float:
    """The most that a record may prove among others: of t samples, two are records by chance."""
    return 1.0 + math.log10(t)


def start(s: memoryview[float], o: int, x: float) -> None:
    """Begin with the first value."""
    s[o + LOW] = s[o + HIGH] = x


def evidence(s: memoryview[float], o: int, x: float, t: float) -> float:
    """Evidence of `x`, then learn it. By how much of the old range it goes beyond counts."""
    low, high = s[o + LOW], s[o + HIGH]
    if low <= x <= high:
        return 0.0
    beyond = x - high if x > high else low - x
    over = beyond / (high - low) if high > low else 1.0
    s[o + (HIGH if x > high else LOW)] = x
    return 1.7 + 10.0 * min(over, 0.5) if over > 0.0 and t >= WARM_UP else 0.0
