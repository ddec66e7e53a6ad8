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
    Layout,
)

_DOUBLES = array("d")


def sound(block: memoryview[float], layout: Layout) -> bool:
    """Whether the numbers that `catch_up` and the kernels go by can be those of a block."""
    s = pointers.block_doubles(block)
    count, marks = s[COUNT], s[MARKS]
    if not (0.0 <= marks < LARGEST_COUNT and 0.0 <= count < LARGEST_COUNT):
        return False
    for known in (s[NEWEST], s[HORIZON]):
        if not abs(known) < LARGEST_TIME:
            return False
    pending = int(marks) & PENDING_MASK
    if pending > layout.journal or pending > count:
        return False
    for i in range(pending):  # noqa: SIM110  # a generator would not compile to a plain loop
        if not abs(s[JOURNAL + 2 * i + 1]) < LARGEST_TIME:
            return False
    return True


def catch_up(
    block: memoryview[float], layout: Layout, method: Method, clock: Clock = UTC_CLOCK
) -> None:
    """Put the samples of the journal into the ring and have the method learn them.

    The journal stays, as it does in the store; the next commits append to it.

    Args:
        block: a sound one.
        layout: its layout.
        method: whose fields it has.
        clock: of the season.
    """
    s, w = pointers.block_doubles(block), pointers.block_words(block)
    pending = int(s[MARKS]) & PENDING_MASK
    if pending == 0:
        return
    times, values = pointers.zeros(_DOUBLES, 1), pointers.zeros(_DOUBLES, 1)
    when, what = pointers.doubles(times), pointers.doubles(values)
    window, ring, micros = layout.window, layout.ring_at, 2 * layout.doubles
    first = int(s[COUNT]) - pending
    for i in range(pending):
        # One by one: a method may look at what the ring held before the sample.
        what[0] = s[JOURNAL + 2 * i]
        when[0] = s[JOURNAL + 2 * i + 1]
        learn(block, layout, method, times, values, clock, min(first + i, window))
        place = (first + i) % window
        s[ring + place] = what[0]
        stamps.put(s, w, 0, micros, ring, window, place, when[0])
