"""From a stored block of another window, method or layout to one of ours. Used by `working_set.py`.

Keeps what can be kept and warms the rest; a block that cannot be understood starts over.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

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
    HORIZON,
    JOURNAL,
    LARGEST_COUNT,
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

_WITH_FIELDS = (NUMBER, 3, 2)
"""Layout numbers whose fields can be kept. Before number 4 some methods lacked their last ones."""

_SINCE_ALARM, _ARMED, _PENDING = 8, 9, 10
"""Scalars of their own up to layout number 2, where ALARM, EPISODE and MARKS are now. The others
stood where they stand, and where RAW is there was a total."""

_KEPT_MARKS = ~((VALID_MASK << VALID) | PENDING_MASK)
"""What a block of another window keeps of MARKS: not what counts its ring and journal."""


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
    for i, (value, time) in enumerate(kept):
        block[layout.ring_at + 2 * i] = value
        block[layout.ring_at + 2 * i + 1] = time
    block[COUNT] = float(len(kept))
    for index in (NEWEST, RAW, ALARM, EPISODE):
        block[index] = old.scalars[index]
    valid = sum(value == value for value, _ in kept)
    block[MARKS] = (int(old.scalars[MARKS]) & _KEPT_MARKS) + (valid << VALID)
    block[HORIZON] = max([old.scalars[HORIZON], *(time for _, time in dropped)])
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
        for number in _WITH_FIELDS:
            window = block[SHAPE] - shape(number, method.number, 0)
            lacks = method.added if number < NUMBER else 0
            if 0.0 < window < len(block) and window == int(window):
                layout = method.layout(int(window))
                if layout.doubles - lacks == len(block):
                    whole = _widened(block, layout.cold_at - lacks, lacks)
                    return _of_this_kind(whole, number, layout, method, clock)
    for number, ring_at in _RINGS_OF_THE_FIRST.items():
        window, odd = divmod(len(block) - ring_at, 2)
        known = window > 0 and not odd and block[SHAPE] == shape(1, number, window)
        if known and 0.0 <= block[COUNT] < LARGEST_COUNT:
            pairs = _in_order(block, ring_at, window)
            scalars = memoryview(bytearray(stored[: DOUBLE * JOURNAL])).cast("d")
            scalars[_PENDING] = 0.0
            _renew(scalars, window)
            scalars[RAW] = _newest(pairs)
            return _Old(scalars, pairs, None, block[:0])
    return None


def _widened(block: memoryview[float], at: int, lacks: int) -> memoryview[float]:
    """A copy with so many fields more, each 0, which is how a family begins."""
    wide: memoryview[float] = memoryview(bytearray(DOUBLE * (len(block) + lacks))).cast("d")
    wide[:at] = block[:at]
    wide[at + lacks :] = block[at:]
    return wide


def _of_this_kind(
    block: memoryview[float], number: int, layout: Layout, method: Method, clock: Clock
) -> _Old | None:
    """A block with the fields of this layout; one of number 2 differs by its scalars."""
    if number == 2:
        _renew(block, layout.window)
    if not sound(block, layout):
        return None
    catch_up(block, layout, method, clock)
    pairs = _in_order(block, layout.ring_at, layout.window)
    if number == 2:
        block[RAW] = _newest(pairs)
    return _Old(block, pairs, method, block[layout.hot_at : layout.ring_at])


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


def _in_order(block: memoryview[float], ring_at: int, window: int) -> Sequence[tuple[float, float]]:
    """The (value, time) pairs of a ring, oldest accepted first."""
    count = int(block[COUNT])
    held = min(count, window)
    slots = (ring_at + 2 * ((count - held + i) % window) for i in range(held))
    return [(block[slot], block[slot + 1]) for slot in slots]


def _newest(pairs: Sequence[tuple[float, float]]) -> float:
    """The value of the newest sample, 0 of none."""
    return max(pairs, key=lambda pair: pair[1], default=(0.0, 0.0))[0]
