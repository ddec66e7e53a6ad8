"""Scores a group of samples in place on the blocks of their series.

Called by `commit.py` once a group, since calls cost more than the arithmetic. Per sample: repeat or
late -> no change; else z against the window before it, verdict, alarm, then into the window.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

from anomaly_dataplane.detectors.alarm import raised
from anomaly_dataplane.detectors.method import Method
from anomaly_dataplane.detectors.rules import Rules
from anomaly_dataplane.detectors.window import insert, z_score
from anomaly_dataplane.sample import Code
from anomaly_dataplane.state.layout import COUNT, HORIZON, M2, MEAN, METHOD, NEWEST, TOTAL, Layout

_WARMING, _OUTLIER = int(Code.WARMING), int(Code.OUTLIER)
_DUPLICATE, _LATE = int(Code.DUPLICATE), int(Code.LATE)


UNCHANGED = -1
"""In `Scores.rows`: the sample changed no block. In `Changes.last_piece`: no piece was written."""


@dataclass(slots=True)
class Changes:
    """What a group changed, besides the hot scalars: a row a changed block, by first change.

    Attributes:
        slots: which block.
        count_before: COUNT before the group.
        first_piece, last_piece: of the method's cold pieces that were written; UNCHANGED if none.
        outliers: samples of the group that are outliers of this series.
    """

    slots: array[int]
    count_before: array[int]
    first_piece: array[int]
    last_piece: array[int]
    outliers: array[int]


@dataclass(slots=True)
class Scores:
    """Columns of a group's results, what raised an anomaly, and what has changed.

    Attributes:
        codes: one `Code` a sample.
        z, mean, std, n: of the window before the sample; 0 where it was not scored.
        rows: the sample's row in `changes`; UNCHANGED for repeats and late ones.
        raised: position -> (score, position in the method's families).
    """

    codes: bytearray
    z: array[float]
    mean: array[float]
    std: array[float]
    n: array[int]
    rows: array[int]
    raised: dict[int, tuple[float, int]]
    changes: Changes


def score_group(
    slab: memoryview[float],
    layout: Layout,
    method: Method,
    slots: array[int],
    times: array[float],
    values: array[float],
    rules: Rules,
) -> Scores:
    """Score samples in order of arrival, changing the blocks in `slab` in place.

    `slab` holds blocks of `layout` one after the other, and `slots` says which one is each
    sample's (typecode 'i'). `times` are Unix milliseconds, `values` finite (typecode 'd').
    """
    size = len(slots)
    window, doubles, ring, cold = layout.window, layout.doubles, layout.ring_at, layout.cold_at
    step = method.step
    zeros = bytes(8 * size)
    changes = Changes(array("i"), array("q"), array("i"), array("i"), array("i"))
    out = Scores(
        codes=bytearray(size),
        z=array("d", zeros),
        mean=array("d", zeros),
        std=array("d", zeros),
        n=array("q", zeros),
        rows=array("i", [UNCHANGED]) * size,
        raised={},
        changes=changes,
    )
    row_of: dict[int, int] = {}
    for i in range(size):
        slot = slots[i]
        base = slot * doubles
        time = times[i]
        value = values[i]
        count = int(slab[base + COUNT])
        held = count if count < window else window
        if count and time <= slab[base + NEWEST]:
            if _held(slab, base + ring, held, time):
                out.codes[i] = _DUPLICATE
                continue
            too_old = time < slab[base + NEWEST] - rules.lateness_ms
            if too_old or time <= slab[base + HORIZON]:
                out.codes[i] = _LATE
                continue
        else:
            slab[base + NEWEST] = time
        row = row_of.get(slot, UNCHANGED)
        if row == UNCHANGED:
            row = row_of[slot] = len(changes.slots)
            changes.slots.append(slot)
            changes.count_before.append(count)
            changes.first_piece.append(UNCHANGED)
            changes.last_piece.append(UNCHANGED)
            changes.outliers.append(0)
        out.rows[i] = row
        mean = slab[base + MEAN]
        std = math.sqrt(slab[base + M2] / held) if held else 0.0
        out.n[i] = held
        z_score_counted = 0.0
        warm = held >= rules.min_samples
        if warm:
            z = z_score(value, mean, std)
            out.z[i], out.mean[i], out.std[i] = z, mean, std
            z_score_counted = _counted(z, value - mean, mean, rules)
            if z_score_counted > rules.threshold:
                out.codes[i] = _OUTLIER
                changes.outliers[row] += 1
        else:
            out.codes[i] = _WARMING
        score, family, piece = step(
            slab, base + METHOD, base + cold, time / 1000.0, value, z_score_counted
        )
        if piece >= 0:
            _note(changes, row, piece)
        if warm and raised(slab, base, score, rules):
            out.raised[i] = (score, family)
        slab[base + TOTAL] += 1.0
        insert(slab, base, ring, window, value, time)
    return out


def _note(changes: Changes, row: int, piece: int) -> None:
    """Widen the range of cold pieces to write."""
    if changes.last_piece[row] == UNCHANGED:
        changes.first_piece[row] = changes.last_piece[row] = piece
    else:
        changes.first_piece[row] = min(changes.first_piece[row], piece)
        changes.last_piece[row] = max(changes.last_piece[row], piece)


def _held(slab: memoryview[float], ring: int, held: int, time: float) -> bool:
    """Whether the ring holds a sample of exactly this time."""
    return any(slab[i] == time for i in range(ring + 1, ring + 1 + 2 * held, 2))


def _counted(z: float, deviation: float, mean: float, rules: Rules) -> float:
    """|z|, or 0 where direction or a minimum deviation says that this one does not count."""
    if (z > 0.0 and not rules.above) or (z < 0.0 and not rules.below):
        return 0.0
    size = abs(deviation)
    if size < rules.min_abs_deviation or size < rules.min_rel_deviation * abs(mean):
        return 0.0
    return abs(z)
