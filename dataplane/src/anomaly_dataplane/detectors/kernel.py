"""Scores a group of samples in place on the blocks of their series.

Called by `commit.py` once a group, since calls cost more than the arithmetic. Per sample: repeat or
late -> no change; else z against the window before it, verdict, alarm, then into the window.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_dataplane.detectors.alarm import raised
from anomaly_dataplane.detectors.rules import Rules
from anomaly_dataplane.detectors.window import insert, z_score
from anomaly_dataplane.sample import Code
from anomaly_dataplane.state.layout import COUNT, HORIZON, M2, MEAN, NEWEST, RING, TOTAL, Layout

_OK, _WARMING, _OUTLIER = int(Code.OK), int(Code.WARMING), int(Code.OUTLIER)
_DUPLICATE, _LATE = int(Code.DUPLICATE), int(Code.LATE)


@dataclass(slots=True)
class Scores:
    """Columns of a group's results, and which samples raised an anomaly.

    Attributes:
        touched: slot -> COUNT of its block before the group, in order of first change.
    """

    codes: bytearray
    z: array[float]
    mean: array[float]
    std: array[float]
    n: array[int]
    raised: list[int]
    touched: dict[int, int]


def score_group(
    slab: memoryview[float],
    layout: Layout,
    slots: Sequence[int],
    times: Sequence[float],
    values: Sequence[float],
    rules: Rules,
) -> Scores:
    """Score samples in order of arrival, changing the blocks in `slab` in place.

    `slab` holds blocks of `layout` one after the other, and `slots` says which one is each
    sample's. `times` are Unix milliseconds; `values` must be finite.
    """
    size = len(slots)
    window, doubles = layout.window, layout.doubles
    zeros = bytes(8 * size)
    out = Scores(
        bytearray(size),
        array("d", zeros),
        array("d", zeros),
        array("d", zeros),
        array("q", zeros),
        [],
        {},
    )
    for i in range(size):
        base = slots[i] * doubles
        time = times[i]
        value = values[i]
        count = int(slab[base + COUNT])
        if count and time <= slab[base + NEWEST]:
            if _held(slab, base, min(count, window), time):
                out.codes[i] = _DUPLICATE
                continue
            too_old = time < slab[base + NEWEST] - rules.lateness_ms
            if too_old or time <= slab[base + HORIZON]:
                out.codes[i] = _LATE
                continue
        else:
            slab[base + NEWEST] = time
        out.touched.setdefault(slots[i], count)
        held = min(count, window)
        mean = slab[base + MEAN]
        std = math.sqrt(slab[base + M2] / held) if held else 0.0
        out.n[i] = held
        if held < rules.min_samples:
            out.codes[i] = _WARMING
        else:
            z = z_score(value, mean, std)
            out.z[i], out.mean[i], out.std[i] = z, mean, std
            score = _score(z, value - mean, mean, rules)
            out.codes[i] = _OUTLIER if score > rules.threshold else _OK
            if raised(slab, base, score, rules):
                out.raised.append(i)
        slab[base + TOTAL] += 1.0
        insert(slab, base, window, value, time)
    return out


def _held(slab: memoryview[float], base: int, held: int, time: float) -> bool:
    """Whether the ring holds a sample of exactly this time."""
    first = base + RING + 1
    return any(slab[i] == time for i in range(first, first + 2 * held, 2))


def _score(z: float, deviation: float, mean: float, rules: Rules) -> float:
    """|z|, or 0 where direction or a minimum deviation says that this one does not count."""
    if (z > 0.0 and not rules.above) or (z < 0.0 and not rules.below):
        return 0.0
    size = abs(deviation)
    if size < rules.min_abs_deviation or size < rules.min_rel_deviation * abs(mean):
        return 0.0
    return abs(z)
