"""The loops over the rows of a group: its slots, its partitions, what its commit writes.

`cache.py` and `working_set.py` call them, once a group each; they are here so that they compile.
"""

from __future__ import annotations

from array import array

from anomaly_dataplane.detectors import pointers, stamps
from anomaly_dataplane.detectors.scores import Changes
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import (
    COUNT,
    DOUBLE,
    FINE_BIT,
    JOURNAL,
    MARKS,
    NEWEST,
    PENDING_MASK,
    VERSION,
    Layout,
)
from anomaly_dataplane.store import NAMED, TOUCH, VERSION_BYTES, WHOLE, Writes, octets

_INTS = array("i")


_MOST_RANGES = 8
"""Of a row: the hot fields, cold pieces, and of values, times and microseconds each the ring's run
before and after its end."""


def pin(
    series: list[Series],
    last_group: array[int],
    group: int,
    ruled: array[int],
    first_rule: int,
    rules: int,
) -> tuple[array[int], int, int, int]:
    """Look up the slot of each series, and note in which group and by which rule it is used.

    Args:
        series: of the group, with repeats.
        last_group: by slot (typecode 'q').
        group: the number of this one.
        ruled: by slot, the row of the rules that it goes by (typecode 'i').
        first_rule: what `Series.rule` has rows counted from.
        rules: how many there are.

    Returns:
        The slots (typecode 'i'), how many of them are -1 because the series has none, and how many
        different ones there are otherwise, and of how many of these nobody knows the rule yet.
    """
    slots = pointers.zeros(_INTS, len(series))
    into, used, rows = pointers.ints(slots), pointers.longs(last_group), pointers.ints(ruled)
    missing = distinct = unruled = 0
    for i in range(len(series)):
        slot = series[i].slot
        into[i] = slot
        if slot < 0:
            missing += 1
        elif used[slot] != group:
            used[slot] = group
            distinct += 1
            rule = series[i].rule - first_rule
            if 0 <= rule < rules:
                rows[slot] = rule
            else:
                unruled += 1
    return slots, missing, distinct, unruled


def by_partition(
    slots: array[int], partitions: array[int], count: int
) -> list[tuple[int, array[int]]]:
    """The rows of each partition that has any, in order.

    Args:
        slots: of the rows.
        partitions: by slot (typecode 'i').
        count: of all partitions.

    Returns:
        Partition and its rows (typecode 'i').
    """
    size = len(slots)
    order, starts = pointers.zeros(_INTS, size), pointers.zeros(_INTS, count + 1)
    rows, at = pointers.ints(order), pointers.ints(starts)
    slot, partition = pointers.ints(slots), pointers.ints(partitions)
    for i in range(size):
        at[partition[slot[i]] + 1] += 1
    for p in range(count):
        at[p + 1] += at[p]
    # What is put in moves each start to where the next partition's is.
    for i in range(size):
        p = partition[slot[i]]
        rows[at[p]] = i
        at[p] += 1
    found = []
    first = 0
    for p in range(count):
        if at[p] > first:
            found.append((p, order[first : at[p]]))
            first = at[p]
    return found


def describe(
    slab: memoryview[float],
    memory: memoryview,
    owners: list[Series],
    fresh: bytearray,
    layout: Layout,
    piece: int,
    changes: Changes,
    selected: array[int],
    version: int,
    touched: bytearray,
    day: int,
) -> Writes:
    """Stamp changed blocks with new versions and describe to the store what changed.

    As long as the journal has room for a row's samples it takes them, and only the scalars and the
    journal are written. When it has not, or a cold piece was written, all is and it is empty again.

    Args:
        slab: blocks of `layout`, as `cache.py` lays them out.
        memory: the same as bytes.
        owners: by slot.
        fresh: by slot: whether the store has no block of this layout; cleared here.
        layout: of the blocks.
        piece: float64 of one of the method's cold pieces.
        changes: what a group did to blocks.
        selected: its rows that matter here (typecode 'i').
        version: of the first one; the others take those that follow.
        touched: by slot, the day on which the expiry of its block was last put off; set here.
        day: this one, as a byte.
    """
    size = len(selected)
    out = Writes(
        series=[owners[changes.slots[row]] for row in selected],
        expected=bytearray(VERSION_BYTES * size),
        flags=bytearray(size),
        accepted=pointers.zeros(_INTS, size),
        outliers=pointers.zeros(_INTS, size),
        ends=pointers.zeros(_INTS, size),
        offsets=pointers.zeros(_INTS, _MOST_RANGES * size),
        starts=pointers.zeros(_INTS, _MOST_RANGES * size),
        lengths=pointers.zeros(_INTS, _MOST_RANGES * size),
        memory=memory,
    )
    w = pointers.block_words(slab)
    s, raw, rows = pointers.block_doubles(slab), octets.seen(memory), pointers.ints(selected)
    slots, counts = pointers.ints(changes.slots), pointers.longs(changes.count_before)
    firsts, lasts = pointers.ints(changes.first_piece), pointers.ints(changes.last_piece)
    found, new = pointers.ints(changes.outliers), pointers.octets(fresh)
    skipped = pointers.ints(changes.unlearnt)
    restarted, days = pointers.octets(changes.restarted), pointers.octets(touched)
    expected, flags = pointers.octets(out.expected), pointers.octets(out.flags)
    accepted, outliers = pointers.ints(out.accepted), pointers.ints(out.outliers)
    ends, offsets = pointers.ints(out.ends), pointers.ints(out.offsets)
    starts, lengths = pointers.ints(out.starts), pointers.ints(out.lengths)
    window, doubles = layout.window, layout.doubles
    journal, cold, ring = layout.journal, layout.cold_at, layout.ring_at
    times, quads = layout.times_at, layout.micros
    behind = len(slab) // (doubles + quads) * doubles
    end = 0
    for i in range(size):
        row = rows[i]
        slot = slots[row]
        base, micros = slot * doubles, behind + slot * quads
        count, before = int(s[base + COUNT]), counts[row]
        accepted[i] = count - before + skipped[row]
        outliers[i] = found[row]
        octets.copy(expected, VERSION_BYTES * i, raw, DOUBLE * base, VERSION_BYTES)
        absent = s[base + VERSION] == 0.0
        s[base + VERSION] = version + i
        flags[i] = TOUCH if days[slot] != day else 0
        days[slot] = day
        offsets[end] = 0
        starts[end] = base
        marks = int(s[base + MARKS])
        pending = marks & PENDING_MASK
        fine = marks & FINE_BIT != 0
        added = count - before
        if new[slot] or restarted[row]:
            new[slot] = 0
            s[base + MARKS] -= pending
            flags[i] = WHOLE + NAMED if absent else WHOLE
            lengths[end] = doubles
            if fine:
                end += 1
                offsets[end] = doubles
                starts[end] = micros
                lengths[end] = quads
        elif lasts[row] < 0 and pending + added <= journal:
            place = JOURNAL + 2 * (pending + added)
            lengths[end] = place
            place += base
            time = s[base + NEWEST]
            for sample in range(count - 1, before - 1, -1):
                taken = sample % window
                time = stamps.near(s, w, base, 2 * micros, ring, window, taken, time)
                place -= 2
                s[place] = s[base + ring + taken]
                s[place + 1] = time
            s[base + MARKS] += added
        else:
            s[base + MARKS] -= pending
            lengths[end] = cold
            if lasts[row] >= 0:
                end += 1
                offsets[end] = cold + piece * firsts[row]
                starts[end] = base + offsets[end]
                lengths[end] = piece * (lasts[row] - firsts[row] + 1)
            unwritten = pending + added
            first = (before - pending) % window
            if unwritten >= window:
                unwritten = window
                first = 0
            run = unwritten if unwritten < window - first else window - first
            # A float64 holds one value, or two times, or the microseconds of four.
            for part in range(3 if fine else 2):
                offset = ring if part == 0 else times if part == 1 else doubles
                place = micros if part == 2 else base + offset
                end += 1
                offsets[end] = offset + (first >> part)
                starts[end] = place + (first >> part)
                lengths[end] = ((first + run - 1) >> part) - (first >> part) + 1
                if unwritten > run:
                    end += 1
                    offsets[end] = offset
                    starts[end] = place
                    lengths[end] = ((unwritten - run - 1) >> part) + 1
        end += 1
        ends[i] = end
    del out.offsets[end:], out.starts[end:], out.lengths[end:]
    return out
