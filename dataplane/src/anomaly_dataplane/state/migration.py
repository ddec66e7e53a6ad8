"""From a stored block of another window, method or layout to one of ours. Used by `working_set.py`.

Keeps what can be kept and warms the rest; a block that cannot be understood starts over.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_dataplane.detectors import stamps
from anomaly_dataplane.detectors.clock import Clock
from anomaly_dataplane.detectors.kernel import learn, measure
from anomaly_dataplane.detectors.method import METHODS, Method
from anomaly_dataplane.state.journal import catch_up, sound
from anomaly_dataplane.state.layout import (
    ALARM,
    ARMED_BIT,
    COUNT,
    DOUBLE,
    EPISODE,
    FINE_BIT,
    HORIZON,
    JOURNAL,
    LARGEST_COUNT,
    LARGEST_TIME,
    MARKS,
    NEVER,
    NEWEST,
    NUMBER,
    PENDING_MASK,
    RAW,
    SHAPE,
    START_OF_ALARM,
    VALID,
    VALID_MASK,
    Layout,
    shape,
    start,
)

_RINGS_OF_THE_FIRST = {0: 10, 1: 219}
"""Where the ring started in layout number 1, by the method's number; it ended the block. Before it
the scalars stood as in number 2, and there was no journal."""

_WITH_PAIRS = (4, 3, 2)
"""Layout numbers whose fields can be kept and whose ring was of (value, time), both float64. Before
number 4 some methods lacked their last fields."""

_JOURNAL_THEN, _PLAIN_JOURNAL_THEN = 8, 2
"""Samples in the journals of these."""

_SINCE_ALARM, _ARMED, _PENDING = 8, 9, 10
"""Scalars of their own up to layout number 2, where ALARM, EPISODE and MARKS are now. The others
stood where they stand, and where RAW is there was a total."""

_WITH_TOTAL = 2
"""The layout number whose index 4 was one."""

_KEPT_MARKS = ~((VALID_MASK << VALID) | PENDING_MASK | FINE_BIT)
"""What a block of another window keeps of MARKS: not what it says of its ring and journal."""


@dataclass(frozen=True, slots=True)
class _Old:
    """A stored block that was understood.

    Attributes:
        scalars: as they would stand now.
        pairs: (value, time) of its ring, oldest accepted first, its journal among them.
        method: whose fields it has, as they would be now; None if it has none such.
        fields: these.
    """

    scalars: memoryview[float]
    pairs: Sequence[tuple[float, float]]
    method: Method | None
    fields: memoryview[float]


def migrate(
    stored: bytes, block: memoryview[float], layout: Layout, method: Method, clock: Clock
) -> None:
    """Fill `block` (all zeros) from a stored block of another shape.

    The newest samples that fit are kept, and so are the times that guard against repeats and the
    alarm's state. The method keeps its fields if they are its own; else it learns the samples.
    """
    start(block, layout)
    old = _understood(stored, clock)
    if old is None:
        return
    kept = old.pairs[-layout.window :]
    dropped = old.pairs[: len(old.pairs) - len(kept)]
    for i, (value, _) in enumerate(kept):
        block[layout.ring_at + i] = value
    block[COUNT] = float(len(kept))
    for index in (NEWEST, RAW, ALARM, EPISODE):
        block[index] = old.scalars[index]
    valid = sum(value == value for value, _ in kept)
    block[MARKS] = (int(old.scalars[MARKS]) & _KEPT_MARKS) + (valid << VALID)
    horizon = max([old.scalars[HORIZON], *(time for _, time in dropped)])
    stamps.refill(block, layout, array("d", [time for _, time in kept]), horizon)
    measure(block, layout)
    if old.method is method:
        block[layout.hot_at : layout.ring_at] = old.fields
    else:
        in_time = sorted(kept, key=lambda pair: pair[1])
        times = array("d", [time for _, time in in_time])
        values = array("d", [value for value, _ in in_time])
        learn(block, layout, method, times, values, clock)


def _understood(stored: bytes, clock: Clock) -> _Old | None:
    """The stored block, None if this code does not know it."""
    if len(stored) % DOUBLE or len(stored) < DOUBLE * JOURNAL:
        return None
    block = memoryview(bytearray(stored)).cast("d")
    for method in METHODS.values():
        for number in (NUMBER, *_WITH_PAIRS):
            window = block[SHAPE] - shape(number, method.number, 0)
            if not (0.0 < window < len(block) and window == int(window)):
                continue
            if number == NUMBER:
                return _of_this_kind(stored, method, int(window), clock)
            return _of_pairs(block, number, method, int(window), clock)
    for number, ring_at in _RINGS_OF_THE_FIRST.items():
        window, odd = divmod(len(block) - ring_at, 2)
        known = window > 0 and not odd and block[SHAPE] == shape(1, number, window)
        if known and 0.0 <= block[COUNT] < LARGEST_COUNT:
            scalars = memoryview(bytearray(stored[: DOUBLE * JOURNAL])).cast("d")
            scalars[_PENDING] = 0.0
            _renew(scalars, window)
            pairs = _in_order(scalars[COUNT], block[ring_at::2], block[ring_at + 1 :: 2])
            scalars[RAW] = _newest(pairs)
            return _sane(_Old(scalars, pairs, None, block[:0]))
    return None


def _of_this_kind(stored: bytes, method: Method, window: int, clock: Clock) -> _Old | None:
    """A block of this layout number, of another window or method."""
    layout = method.layout(window)
    if not layout.fits(stored):
        return None
    block = layout.opened(stored)
    if not sound(block, layout):
        return None
    catch_up(block, layout, method, clock)
    values = block[layout.ring_at : layout.times_at]
    pairs = _in_order(block[COUNT], values, stamps.unfold(block, layout))
    return _sane(_Old(block, pairs, method, block[layout.hot_at : layout.ring_at]))


def _of_pairs(
    block: memoryview[float], number: int, method: Method, window: int, clock: Clock
) -> _Old | None:
    """A block of an earlier layout number, brought to the fields of today."""
    lacks = method.added if number < _WITH_PAIRS[0] else 0
    journal = min(_JOURNAL_THEN if method.hot else _PLAIN_JOURNAL_THEN, window)
    hot_at = JOURNAL + 2 * journal
    cold_at = hot_at + method.hot - lacks
    ring_at = cold_at + method.cold
    if len(block) != ring_at + 2 * window:
        return None
    if number == _WITH_TOTAL:
        _renew(block, window)
    count, marks = block[COUNT], block[MARKS]
    if not (0.0 <= count < LARGEST_COUNT and 0.0 <= marks < LARGEST_COUNT):
        return None
    pending = int(marks) & PENDING_MASK
    if pending > min(journal, count):
        return None
    layout = method.layout(window)
    now = layout.blank()
    now[:JOURNAL] = block[:JOURNAL]
    # Fields that there were not are 0, which is how a family begins.
    now[layout.hot_at : layout.cold_at - lacks] = block[hot_at:cold_at]
    now[layout.cold_at : layout.ring_at] = block[cold_at:ring_at]
    values = now[layout.ring_at : layout.times_at]
    values[:] = array("d", block[ring_at::2])
    times = array("d", block[ring_at + 1 :: 2])
    first = int(count) - pending
    for i in range(pending):
        value, time = block[JOURNAL + 2 * i : JOURNAL + 2 * i + 2]
        if not abs(time) < LARGEST_TIME:
            return None
        held = min(first + i, window)
        learn(now, layout, method, array("d", [time]), array("d", [value]), clock, held)
        place = (first + i) % window
        values[place], times[place] = value, time
    pairs = _in_order(count, values, times)
    if number == _WITH_TOTAL:
        now[RAW] = _newest(pairs)
    return _sane(_Old(now, pairs, method, now[layout.hot_at : layout.ring_at]))


def _sane(old: _Old) -> _Old | None:
    """The same, None if a time of it can be none."""
    times = [old.scalars[NEWEST], old.scalars[HORIZON], *(time for _, time in old.pairs)]
    return old if all(abs(time) < LARGEST_TIME for time in times) else None


def _renew(block: memoryview[float], window: int) -> None:
    """Bring the scalars of layout number 2 into words."""
    since, armed, pending = block[_SINCE_ALARM], block[_ARMED], block[_PENDING]
    count = block[COUNT]
    block[ALARM] = START_OF_ALARM
    if armed != 1.0:
        block[ALARM] -= ARMED_BIT
    if 0.0 <= since < NEVER:
        block[ALARM] -= NEVER - int(since)
    block[EPISODE] = 0.0
    block[MARKS] = -1.0  # unsound
    if 0.0 <= pending <= PENDING_MASK and 0.0 <= count < LARGEST_COUNT:
        block[MARKS] = int(pending) + (min(int(count), window) << VALID)


def _in_order(
    count: float, values: Sequence[float], times: Sequence[float]
) -> Sequence[tuple[float, float]]:
    """The (value, time) pairs of a ring, oldest accepted first."""
    window, taken = len(values), int(count)
    held = min(taken, window)
    slots = ((taken - held + i) % window for i in range(held))
    return [(values[slot], times[slot]) for slot in slots]


def _newest(pairs: Sequence[tuple[float, float]]) -> float:
    """The value of the newest sample, 0 of none."""
    return max(pairs, key=lambda pair: pair[1], default=(0.0, 0.0))[0]
