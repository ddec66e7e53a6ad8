"""From a value as it was sent to the one that is scored: Delta, Rate and Log1p.

NaN where there is none: nothing to start from, a sample out of order, a counter that was reset.
"""

from __future__ import annotations

import math

from anomaly_dataplane.detectors.numbers import DELTA, LOG1P, RATE
from anomaly_dataplane.state.layout import NAN


def change(kind: int, counter: bool, value: float, before: float, seconds: float) -> float:
    """What a value became since the one before it.

    Args:
        kind: the transform's number; all but Delta and Rate leave the value as it is.
        counter: whether a smaller value means that it started again from 0.
        value: as it was sent.
        before: the one before, NaN if there is none.
        seconds: between the two; 0 or less if it is not the newest.
    """
    if kind == DELTA:
        if not seconds > 0.0 or (counter and value < before):
            return NAN
        return value - before
    if kind == RATE:
        if not seconds > 0.0 or value < before:
            return NAN
        return (value - before) / seconds
    return value


def scored(kind: int, value: float) -> float:
    """The value that is scored; for Log1p its sign times the logarithm of 1 + its size."""
    if kind == LOG1P:
        return math.copysign(math.log1p(abs(value)), value)
    return value
