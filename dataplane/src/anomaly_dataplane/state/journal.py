"""Brings a block that was read up to date with the samples in its journal.

A commit of a few samples writes them to the journal, next to the scalars, and leaves what the
store has of ring and method as it is: those follow from the samples. Used by `working_set.py` and
`migration.py`.
"""

from __future__ import annotations

from array import array

from anomaly_dataplane.detectors import pointers, stamps
from anomaly_dataplane.detectors.clock import UTC_CLOCK, Clock
from anomaly_dataplane.detectors.kernel import learn
from anomaly_dataplane.detectors.method import Method
from anomaly_dataplane.state.layout import (
    COUNT,
    HORIZON,
    JOURNAL,
    LARGEST_COUNT,
    LARGEST_TIME,
    MARKS,
    NEWEST,
    PENDING_MASK,
    SHAPE,
    Layout,
)

_DOUBLES = array("d")


def sound(slab: memoryview[float], layout: Layout, slot: int = 0) -> bool:
    """Whether what is in a slot says to be of this layout, in numbers that can be of a block.

    By these `catch_up` and the kernels go.
    """
    s, base = pointers.block_doubles(slab), slot * layout.doubles
    count, marks = s[base + COUNT], s[base + MARKS]
    if s[base + SHAPE] != layout.shape:
        return False
    if not (0.0 <= marks < LARGEST_COUNT and 0.0 <= count < LARGEST_COUNT):
        return False
    for known in (s[base + NEWEST], s[base + HORIZON]):
        if not abs(known) < LARGEST_TIME:
            return False
    pending = int(marks) & PENDING_MASK
    if pending > layout.journal or pending > count:
        return False
    for i in range(pending):  # noqa: SIM110  # a generator would not compile to a plain loop
        if not abs(s[base + JOURNAL + 2 * i + 1]) < LARGEST_TIME:
            return False
    return True


def catch_up(
    slab: memoryview[float],
    layout: Layout,
    method: Method,
    clock: Clock = UTC_CLOCK,
    slot: int = 0,
) -> None:
    """Put the samples of the journal into the ring and have the method learn them.

    The journal stays, as it does in the store; the next commits append to it.

    Args:
        slab: blocks of `layout`; one alone is such a slab, too.
        layout: of them.
        method: whose fields they have.
        clock: of the season.
        slot: of the block, a sound one.
    """
    s, w, base = pointers.block_doubles(slab), pointers.block_words(slab), slot * layout.doubles
    pending = int(s[base + MARKS]) & PENDING_MASK
    if pending == 0:
        return
    times, values = pointers.zeros(_DOUBLES, 1), pointers.zeros(_DOUBLES, 1)
    when, what = pointers.doubles(times), pointers.doubles(values)
    window, ring = layout.window, layout.ring_at
    micros = 2 * (len(slab) // (layout.doubles + layout.micros) * layout.doubles)
    micros += 2 * slot * layout.micros
    first = int(s[base + COUNT]) - pending
    for i in range(pending):
        # One by one: a method may look at what the ring held before the sample.
        what[0] = s[base + JOURNAL + 2 * i]
        when[0] = s[base + JOURNAL + 2 * i + 1]
        learn(slab, layout, method, times, values, clock, min(first + i, window), base)
        place = (first + i) % window
        s[base + ring + place] = what[0]
        stamps.put(s, w, base, micros, ring, window, place, when[0])
