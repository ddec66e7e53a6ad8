"""Scores a group of samples in place on the blocks of their series.

Called by `commit.py` once a group, since calls cost more than the arithmetic. Per sample: repeat or
late -> no change; else z against the window before it, verdict, alarm, then into the window.
"""

from __future__ import annotations

import math
from array import array

from anomaly_dataplane.detectors import alarm, pointers, steps, window
from anomaly_dataplane.detectors.method import Method
from anomaly_dataplane.detectors.rules import Rules
from anomaly_dataplane.detectors.scores import UNCHANGED, Changes, Scores
from anomaly_dataplane.sample import Code
from anomaly_dataplane.state.layout import COUNT, HORIZON, M2, MEAN, NEWEST, TOTAL, Layout

_WARMING, _OUTLIER = int(Code.WARMING), int(Code.OUTLIER)
_DUPLICATE, _LATE = int(Code.DUPLICATE), int(Code.LATE)

_LARGEST_COUNT = 2.0**53

_DOUBLES, _INTS, _LONGS = array("d"), array("i"), array("q")


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

    Raises:
        ValueError: the columns differ in length, a slot is not in the slab, or what stands there
            is no block. Nothing has changed then.
    """
    size = len(slots)
    out = _blank(size)
    if size == 0:
        return out
    s = pointers.block_doubles(slab)
    owners, when, what = pointers.ints(slots), pointers.doubles(times), pointers.doubles(values)
    codes, rows, ns = pointers.octets(out.codes), pointers.ints(out.rows), pointers.longs(out.n)
    zs, means, stds = pointers.doubles(out.z), pointers.doubles(out.mean), pointers.doubles(out.std)
    changes = out.changes
    changed, counts = pointers.ints(changes.slots), pointers.longs(changes.count_before)
    firsts, lasts = pointers.ints(changes.first_piece), pointers.ints(changes.last_piece)
    outliers = pointers.ints(changes.outliers)
    places = _places(size)
    table, mask = pointers.ints(places), len(places) - 1

    length, doubles, ring = layout.window, layout.doubles, layout.ring_at
    hot, cold = layout.hot_at, layout.cold_at
    number = method.number
    min_samples = max(rules.min_samples, 1)
    threshold, lateness, alarm_score = rules.threshold, rules.lateness_ms, rules.alarm_score
    above, below = rules.above, rules.below
    least, least_share = rules.min_abs_deviation, rules.min_rel_deviation
    hold_off, repeat_after = rules.hold_off_samples, rules.repeat_after_samples
    _check(s, len(slab) // doubles, doubles, owners, size, len(times), len(values))
    total = 0
    for i in range(size):
        slot = owners[i]
        base = slot * doubles
        time = when[i]
        value = what[i]
        count = int(s[base + COUNT])
        held = count if count < length else length
        code = _refusal(s, base, ring, held, time, lateness)
        if code > 0:
            codes[i] = code
            rows[i] = UNCHANGED
            continue
        place = _place(table, mask, changed, slot)
        if table[place] == 0:
            changed[total] = slot
            counts[total] = count
            firsts[total] = lasts[total] = UNCHANGED
            total += 1
            table[place] = total
        row = table[place] - 1
        rows[i] = row
        ns[i] = held
        deviation = 0.0
        warm = held >= min_samples
        if warm:
            mean = s[base + MEAN]
            std = math.sqrt(s[base + M2] / held)
            z = window.z_score(value, mean, std)
            zs[i] = z
            means[i] = mean
            stds[i] = std
            deviation = _counted(z, value - mean, mean, above, below, least, least_share)
            if deviation > threshold:
                codes[i] = _OUTLIER
                outliers[row] += 1
        else:
            codes[i] = _WARMING
        score, family, piece = steps.step(
            number, s, base + hot, base + cold, time / 1000.0, value, deviation
        )
        _note(firsts, lasts, row, piece)
        if warm and alarm.raised(s, base, score, alarm_score, hold_off, repeat_after):
            out.raised[i] = (score, family)
        s[base + TOTAL] += 1.0
        window.insert(s, base, ring, length, value, time)
    if total < size:
        _shorten(changes, total)
    return out


def measure(block: memoryview[float], layout: Layout) -> None:
    """Set the mean and the squared deviations of a block from what its ring holds."""
    window.recompute(pointers.block_doubles(block), 0, layout.ring_at, layout.window)


def learn(
    block: memoryview[float],
    layout: Layout,
    method: Method,
    times: array[float],
    values: array[float],
) -> None:
    """Let a method learn samples, in the order given, of which nobody wants the scores."""
    s = pointers.block_doubles(block)
    when, what = pointers.doubles(times), pointers.doubles(values)
    hot, cold = layout.hot_at, layout.cold_at
    for i in range(min(len(times), len(values))):
        steps.step(method.number, s, hot, cold, when[i] / 1000.0, what[i], 0.0)


def _blank(size: int) -> Scores:
    return Scores(
        bytearray(size),
        pointers.zeros(_DOUBLES, size),
        pointers.zeros(_DOUBLES, size),
        pointers.zeros(_DOUBLES, size),
        pointers.zeros(_LONGS, size),
        pointers.zeros(_INTS, size),
        {},
        Changes(
            pointers.zeros(_INTS, size),
            pointers.zeros(_LONGS, size),
            pointers.zeros(_INTS, size),
            pointers.zeros(_INTS, size),
            pointers.zeros(_INTS, size),
        ),
    )


def _check(
    s: memoryview[float],
    blocks: int,
    doubles: int,
    owners: array[int],
    size: int,
    times: int,
    values: int,
) -> None:
    """Refuse what would make the kernel reach beyond its columns, its slab or a ring."""
    if times != size or values != size:
        raise ValueError(f"{size} slots, {times} times and {values} values")
    for i in range(size):
        slot = owners[i]
        if not 0 <= slot < blocks:
            raise ValueError(f"slot {slot} of sample {i} is not in a slab of {blocks} blocks")
        count = s[slot * doubles + COUNT]
        if not 0.0 <= count < _LARGEST_COUNT:
            raise ValueError(f"slot {slot} of sample {i} holds no block: its COUNT is {count}")


def _refusal(
    s: memoryview[float], base: int, ring: int, held: int, time: float, lateness: float
) -> int:
    """The code of a sample that is a repeat or too late, 0 of one to accept."""
    if held == 0 or time > s[base + NEWEST]:
        return 0
    if window.holds(s, base + ring, held, time):
        return _DUPLICATE
    if time < s[base + NEWEST] - lateness or time <= s[base + HORIZON]:
        return _LATE
    return 0


def _counted(
    z: float,
    deviation: float,
    mean: float,
    above: bool,
    below: bool,
    least: float,
    least_share: float,
) -> float:
    """|z|, or 0 where direction or a minimum deviation says that this one does not count."""
    if (z > 0.0 and not above) or (z < 0.0 and not below):
        return 0.0
    size = abs(deviation)
    if size < least or size < least_share * abs(mean):
        return 0.0
    return abs(z)


def _note(firsts: array[int], lasts: array[int], row: int, piece: int) -> None:
    """Widen the range of cold pieces to write, if one was written."""
    if piece < 0:
        return
    if firsts[row] == UNCHANGED or piece < firsts[row]:
        firsts[row] = piece
    if piece > lasts[row]:
        lasts[row] = piece


def _shorten(changes: Changes, rows: int) -> None:
    """Leave only the rows in use."""
    del changes.slots[rows:]
    del changes.count_before[rows:]
    del changes.first_piece[rows:]
    del changes.last_piece[rows:]
    del changes.outliers[rows:]


def _places(size: int) -> array[int]:
    """An empty table for up to `size` slots: a power of two, at most half of it in use."""
    room = 2
    while room < 2 * size:
        room *= 2
    return pointers.zeros(_INTS, room)


def _place(table: array[int], mask: int, changed: array[int], slot: int) -> int:
    """Where the table has 1 + the row of a slot, or room for it: open addressing."""
    place = slot & mask
    while table[place] and changed[table[place] - 1] != slot:
        place = (place + 1) & mask
    return place
