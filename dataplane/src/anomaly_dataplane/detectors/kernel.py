"""Scores a group of samples in place on the blocks of their series.

Called by `commit.py` once a group, since calls cost more than the arithmetic. Per sample: repeat or
late -> no change; else z against the window before it, verdict, alarm, then into the window.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

from anomaly_dataplane.detectors import alarm, pointers, stamps, steps, transform, window
from anomaly_dataplane.detectors.clock import UTC_CLOCK, Clock
from anomaly_dataplane.detectors.families import ZSCORE
from anomaly_dataplane.detectors.numbers import (
    COUNT_ABOVE,
    COUNT_BELOW,
    EXCLUDED,
    GAP,
    HIGHEST,
    LATENESS,
    LOWEST,
    MIN_ABS_DEVIATION,
    MIN_REL_DEVIATION,
    MIN_SAMPLES,
    NONE,
    PLAIN,
    SCORE,
    SIGMA,
    TRANSFORM,
    UNLEARNT,
    WIDTH,
)
from anomaly_dataplane.detectors.scores import (
    ENDED,
    EVENT_NUMBERS,
    REPORTING,
    RESTARTED,
    UNCHANGED,
    Changes,
    Scores,
)
from anomaly_dataplane.sample import Code
from anomaly_dataplane.state.layout import (
    ABOVE_BIT,
    ALARM,
    CLOSED_BIT,
    COUNT,
    CUMULATIVE_BIT,
    EPISODE,
    FAMILY,
    FAMILY_MASK,
    FEEDBACK_ONE,
    HORIZON,
    M2,
    MADE_BY,
    MADE_BY_MASK,
    MARKS,
    MEAN,
    NAN,
    NEWEST,
    OUT_OF_RANGE,
    RAW,
    REACH,
    STALE_BIT,
    VALID,
    VALID_MASK,
    VALID_ONE,
    Layout,
)

if TYPE_CHECKING:
    from anomaly_dataplane.detectors.method import Method
    from anomaly_dataplane.detectors.rules import Rulebook

_WARMING, _OUTLIER = int(Code.WARMING), int(Code.OUTLIER)
_DUPLICATE, _LATE, _CLOSED = int(Code.DUPLICATE), int(Code.LATE), int(Code.CLOSED)

_LARGEST_COUNT = 2.0**53


_DOUBLES, _INTS, _LONGS = array("d"), array("i"), array("q")


def score_group(  # noqa: C901  # the way of a sample, in one loop that compiles as such
    slab: memoryview[float],
    layout: Layout,
    method: Method,
    slots: array[int],
    times: array[float],
    values: array[float],
    rulebook: Rulebook,
    ruled: array[int] | None = None,
) -> Scores:
    """Score samples in order of arrival, changing the blocks in `slab` in place.

    `slab` holds blocks of `layout` as `state/cache.py` lays them out, and `slots` says which one is
    each sample's (typecode 'i'). `times` are Unix milliseconds, `values` finite, or NaN where a
    series is closed (typecode 'd'). `ruled` has by slot (typecode 'i') which of the book's rows a
    block goes by; None for its first.

    Raises:
        ValueError: the columns differ in length, a slot is not in the slab, or what stands there
            is no block. Nothing has changed then.
    """
    size = len(slots)
    out = _blank(size)
    if size == 0:
        return out
    s, w = pointers.block_doubles(slab), pointers.block_words(slab)
    owners, when, what = pointers.ints(slots), pointers.doubles(times), pointers.doubles(values)
    codes, rows, ns = pointers.octets(out.codes), pointers.ints(out.rows), pointers.longs(out.n)
    zs, means, stds = pointers.doubles(out.z), pointers.doubles(out.mean), pointers.doubles(out.std)
    changes = out.changes
    changed, counts = pointers.ints(changes.slots), pointers.longs(changes.count_before)
    firsts, lasts = pointers.ints(changes.first_piece), pointers.ints(changes.last_piece)
    outliers, restarted = pointers.ints(changes.outliers), pointers.octets(changes.restarted)
    skipped = pointers.ints(changes.unlearnt)
    raised, ended = out.raised_numbers, out.ended_numbers
    places = _places(size)
    table, mask = pointers.ints(places), len(places) - 1

    length, doubles, ring = layout.window, layout.doubles, layout.ring_at
    words = 2 * layout.micros
    hot, cold = layout.hot_at, layout.cold_at
    number = method.number
    book = pointers.doubles(rulebook.numbers)
    chosen = slots if ruled is None else ruled
    rule_rows = pointers.ints(chosen)
    by_slot = ruled is not None
    clock = rulebook.clock
    starts, offsets = pointers.doubles(clock.starts), pointers.doubles(clock.offsets)
    zones, zone = len(clock.starts), 0
    blocks = len(slab) // (doubles + layout.micros)
    _check(s, blocks, doubles, owners, size, len(times), len(values))
    if by_slot:
        _check_rules(rule_rows, owners, size, len(chosen), len(rulebook.numbers) // WIDTH)
    total = 0
    for i in range(size):
        slot = owners[i]
        base = slot * doubles
        micros = 2 * blocks * doubles + slot * words
        time = when[i]
        value = what[i]
        chosen_row = rule_rows[slot] if by_slot else 0
        rule = WIDTH * chosen_row
        count = int(s[base + COUNT])
        held = count if count < length else length
        newest = s[base + NEWEST]
        ahead = count == 0 or time > newest
        closing = value != value
        code = 0
        if closing:
            # Of a series that goes on, or is not known, it says nothing.
            if count == 0 or not ahead:
                code = _CLOSED
        elif not ahead:
            code = _refusal(s, w, base, micros, ring, length, held, time, book[rule + LATENESS])
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

        marks = int(s[base + MARKS])
        if closing:
            codes[i] = _CLOSED
            if alarm.end(s, base):
                _tell_end(ended, s, base, i, ENDED, 0.0, 0.0, s[base + RAW])
            if marks & STALE_BIT:
                _tell_return(ended, i, newest, s[base + RAW])
            marks &= ~STALE_BIT
            s[base + MARKS] = marks | CLOSED_BIT
            continue
        # The second row of each rule is that of counters, and once a counter is always one.
        if marks & CUMULATIVE_BIT:
            rule = WIDTH * (chosen_row | 1)
        elif chosen_row & 1:
            marks |= CUMULATIVE_BIT
        # Most rules ask for nothing but a threshold.
        plain = book[rule + PLAIN] != 0.0
        begins_anew = False
        before = s[base + RAW]
        since = time - newest
        if count == 0:
            before = NAN
            since = 0.0
        kind = NONE if plain else int(book[rule + TRANSFORM])
        if kind != (marks >> MADE_BY) & MADE_BY_MASK:
            marks += (kind << MADE_BY) - (marks & (MADE_BY_MASK << MADE_BY))
            if count > 0:
                # What was learnt is of other values.
                _clear(s, base + hot, ring - hot)
                begins_anew = True
        if since > book[rule + GAP]:
            before = NAN
            begins_anew = True
        if begins_anew:
            window.forget(s, base, ring, length)
            marks -= marks & (VALID_MASK << VALID)
            restarted[row] = 1
        if begins_anew and alarm.end(s, base):
            _tell_end(ended, s, base, i, RESTARTED, 0.0, 0.0, value)
        if marks & (STALE_BIT | CLOSED_BIT) and time > newest:
            if marks & STALE_BIT:
                _tell_return(ended, i, newest, value)
            marks &= ~(STALE_BIT | CLOSED_BIT)

        if since > REACH:
            stamps.raise_horizon(s, w, base, micros, ring, length, held, math.floor(time) - REACH)
            restarted[row] = 1

        valid = (marks >> VALID) & VALID_MASK
        if ahead:
            s[base + RAW] = value
        x = value
        above = outside = excluded = unlearnt = False
        if not plain:
            x = transform.change(kind, marks & CUMULATIVE_BIT != 0, value, before, since / 1000.0)
            above = x > book[rule + HIGHEST]
            outside = above or x < book[rule + LOWEST]
            x = transform.scored(kind, x)
            excluded = book[rule + EXCLUDED] != 0.0
            if excluded:
                x = NAN
            # Of a series that is not known yet only the time is kept, as of what is excluded.
            unlearnt = book[rule + UNLEARNT] != 0.0
            if excluded or unlearnt:
                outside = False
        ns[i] = valid
        deviation = 0.0
        counted = True
        warm = valid >= book[rule + MIN_SAMPLES]
        if warm:
            mean = s[base + MEAN]
            std = math.sqrt(s[base + M2] / valid)
            means[i] = mean
            stds[i] = std
            if x == x:
                z = window.z_score(x, mean, std)
                zs[i] = z
                counted = plain or _counts(book, rule, z, x - mean, mean)
                deviation = abs(z) if counted else 0.0
                if deviation > book[rule + SIGMA]:
                    codes[i] = _OUTLIER
                    outliers[row] += 1
        elif not excluded:
            codes[i] = _WARMING
        if outside:
            if codes[i] != _OUTLIER:
                codes[i] = _OUTLIER
                outliers[row] += 1
        elif warm:
            above = x >= mean
        if unlearnt and count > 0:
            # Seen, and nothing more. What is older and comes only now, a repeat too, is late.
            s[base + MARKS] = marks
            if stamps.raise_horizon(s, w, base, micros, ring, length, held, time):
                restarted[row] = 1
            if ahead:
                s[base + NEWEST] = time
            skipped[row] += 1
            continue
        score = 0.0
        family = piece = -1
        weight = 1.0
        learnt = NAN if outside or unlearnt else x
        if learnt == learnt:
            if number == ZSCORE:
                score = deviation
                family = 0
            else:
                zone = _zone(starts, zones, zone, time)
                score, family, piece, weight = steps.step(
                    number,
                    s,
                    base + hot,
                    base + cold,
                    base + ring,
                    held,
                    time / 1000.0 + offsets[zone],
                    x,
                )
                _note(firsts, lasts, row, piece)
                if not counted:
                    score = 0.0
        s[base + MARKS] = marks
        if outside or (warm and learnt == learnt):
            threshold = book[rule + SCORE]
            if s[base + ALARM] >= FEEDBACK_ONE:
                threshold = alarm.needed(s, base, threshold)
            if outside:
                score = max(score, threshold)
                family = OUT_OF_RANGE
                weight = 1.0
            outcome = alarm.update(
                s, base, book, rule, score, threshold, above, max(family, 0), time
            )
            if outcome == alarm.RAISED:
                _tell(raised, s, base, i, score, family, weight, threshold, x)
            elif outcome > alarm.RAISED:
                _tell_end(ended, s, base, i, outcome, score, threshold, x)
        after = window.insert(s, w, base, micros, ring, length, learnt, time, valid)
        if after != valid:
            s[base + MARKS] += (after - valid) * VALID_ONE
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
    clock: Clock = UTC_CLOCK,
    held: int = 0,
    base: int = 0,
) -> None:
    """Let a method learn samples, in the order given, of which nobody wants the scores.

    The ring holds `held` samples that came before the first, from its start; these follow in it.
    The block begins at `base`, in float64.
    """
    s = pointers.block_doubles(block)
    when, what = pointers.doubles(times), pointers.doubles(values)
    starts, offsets = pointers.doubles(clock.starts), pointers.doubles(clock.offsets)
    zones, zone = len(clock.starts), 0
    hot, cold, ring = base + layout.hot_at, base + layout.cold_at, base + layout.ring_at
    if method.number == ZSCORE:  # which has no fields
        return
    for i in range(min(len(times), len(values))):
        if what[i] == what[i]:
            zone = _zone(starts, zones, zone, when[i])
            seconds = when[i] / 1000.0 + offsets[zone]
            known = held + i if held + i < layout.window else layout.window
            steps.step(method.number, s, hot, cold, ring, known, seconds, what[i])


def _tell(
    events: array[float],
    s: memoryview[float],
    base: int,
    i: int,
    score: float,
    family: int,
    weight: float,
    threshold: float,
    x: float,
) -> None:
    """Note an event that sample `i` raised: its position and the fields of `Raised`."""
    word = int(s[base + ALARM])
    at = pointers.grow(events, EVENT_NUMBERS)
    numbers = pointers.doubles(events)
    numbers[at] = i
    numbers[at + 1] = score
    numbers[at + 2] = family
    numbers[at + 3] = weight
    numbers[at + 4] = threshold
    numbers[at + 5] = word & ABOVE_BIT != 0
    numbers[at + 6] = s[base + EPISODE]
    numbers[at + 7] = x


def _tell_end(
    events: array[float],
    s: memoryview[float],
    base: int,
    i: int,
    how: int,
    score: float,
    threshold: float,
    x: float,
) -> None:
    """Note an episode that sample `i` ended."""
    word = int(s[base + ALARM])
    above = word & ABOVE_BIT != 0
    word = int(s[base + MARKS])
    family = (word >> FAMILY) & FAMILY_MASK
    _note_end(events, i, how, family, above, s[base + EPISODE], score, threshold, x)


def _tell_return(events: array[float], i: int, newest: float, value: float) -> None:
    """Note that sample `i` ended a silence, which began with the sample before it."""
    _note_end(events, i, REPORTING, 0, False, newest, 0.0, 0.0, value)


def _note_end(
    events: array[float],
    i: int,
    how: int,
    family: int,
    above: bool,
    episode: float,
    score: float,
    threshold: float,
    x: float,
) -> None:
    """The fields of `Ended`."""
    at = pointers.grow(events, EVENT_NUMBERS)
    numbers = pointers.doubles(events)
    numbers[at] = i
    numbers[at + 1] = how
    numbers[at + 2] = family
    numbers[at + 3] = above
    numbers[at + 4] = episode
    numbers[at + 5] = score
    numbers[at + 6] = threshold
    numbers[at + 7] = x


def _zone(starts: array[float], zones: int, at: int, time: float) -> int:
    """The place of the offset that holds at a time; `at` is that of another time."""
    while at + 1 < zones and time >= starts[at + 1]:
        at += 1
    while at > 0 and time < starts[at]:
        at -= 1
    return at


def _clear(s: memoryview[float], first: int, size: int) -> None:
    """Set fields to 0."""
    for i in range(first, first + size):
        s[i] = 0.0


def _blank(size: int) -> Scores:
    return Scores(
        bytearray(size),
        pointers.zeros(_DOUBLES, size),
        pointers.zeros(_DOUBLES, size),
        pointers.zeros(_DOUBLES, size),
        pointers.zeros(_LONGS, size),
        pointers.zeros(_INTS, size),
        pointers.zeros(_DOUBLES, 0),
        pointers.zeros(_DOUBLES, 0),
        Changes(
            pointers.zeros(_INTS, size),
            pointers.zeros(_LONGS, size),
            pointers.zeros(_INTS, size),
            pointers.zeros(_INTS, size),
            pointers.zeros(_INTS, size),
            pointers.zeros(_INTS, size),
            bytearray(size),
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


def _check_rules(
    rule_rows: array[int], owners: array[int], size: int, known: int, rules: int
) -> None:
    """Refuse a row of rules that is not in the book."""
    for i in range(size):
        slot = owners[i]
        if slot >= known or not 0 <= rule_rows[slot] < rules:
            raise ValueError(f"slot {slot} of sample {i} has no rule")


def _refusal(
    s: memoryview[float],
    w: memoryview[int],
    base: int,
    micros: int,
    ring: int,
    window: int,
    held: int,
    time: float,
    lateness: float,
) -> int:
    """The code of a sample that is no newer than all: a repeat, too late, or 0 if it is taken."""
    # The newest is not in the ring if it was not learnt.
    if time == s[base + NEWEST] or stamps.holds(s, w, base, micros, ring, window, held, time):
        return _DUPLICATE
    if time < s[base + NEWEST] - lateness or time <= s[base + HORIZON]:
        return _LATE
    return 0


def _counts(book: array[float], rule: int, z: float, deviation: float, mean: float) -> bool:
    """Whether direction and minimum deviations let this deviation count."""
    if z > 0.0 and book[rule + COUNT_ABOVE] == 0.0:
        return False
    if z < 0.0 and book[rule + COUNT_BELOW] == 0.0:
        return False
    size = abs(deviation)
    return not (
        size < book[rule + MIN_ABS_DEVIATION] or size < book[rule + MIN_REL_DEVIATION] * abs(mean)
    )


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
    del changes.unlearnt[rows:]
    del changes.restarted[rows:]


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
