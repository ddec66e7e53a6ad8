"""From a stored block of another window, method or layout to one of ours. Used by `working_set.py`.

Keeps what can be kept and warms the rest; a block that cannot be understood starts over.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_dataplane.detectors.kernel import learn, measure
from anomaly_dataplane.detectors.method import METHODS, Method
from anomaly_dataplane.state.journal import catch_up, sound
from anomaly_dataplane.state.layout import (
    ARMED,
    COUNT,
    DOUBLE,
    HORIZON,
    JOURNAL,
    LARGEST_COUNT,
    NEWEST,
    NUMBER,
    SHAPE,
    SINCE_ALARM,
    TOTAL,
    Layout,
    shape,
    start,
)

_RINGS_OF_THE_FIRST = {0: 10, 1: 219}
"""Where the ring started in layout number 1, by the method's number; it ended the block. Before it
the scalars up to ARMED stood where they stand now, and there was no journal."""


@dataclass(frozen=True, slots=True)
class _Old:
    """A stored block that was understood.

    Attributes:
        block: its journal, if it has one, brought into ring and fields.
        ring_at, window: its ring.
        method: whose fields stand before the ring as they would now; None if they do not.
    """

    block: memoryview[float]
    ring_at: int
    window: int
    method: Method | None


def migrate(stored: bytes, block: memoryview[float], layout: Layout, method: Method) -> None:
    """Fill `block` (all zeros) from a stored block of another shape.

    The newest samples that fit are kept, and so are the times that guard against repeats and the
    alarm's state. The method keeps its fields if they are its own and of this layout number; else
    it learns the samples.
    """
    start(block, layout)
    old = _understood(stored)
    if old is None:
        return
    pairs = _ring_in_order(old)
    kept = pairs[-layout.window :]
    dropped = pairs[: len(pairs) - len(kept)]
    for i, (value, time) in enumerate(kept):
        block[layout.ring_at + 2 * i] = value
        block[layout.ring_at + 2 * i + 1] = time
    block[COUNT] = float(len(kept))
    for index in (NEWEST, TOTAL, SINCE_ALARM, ARMED):
        block[index] = old.block[index]
    block[HORIZON] = max([old.block[HORIZON], *(time for _, time in dropped)])
    measure(block, layout)
    if old.method is method:
        fields = layout.ring_at - layout.hot_at
        block[layout.hot_at : layout.ring_at] = old.block[old.ring_at - fields : old.ring_at]
    else:
        in_time = sorted(kept, key=lambda pair: pair[1])
        times = array("d", [time for _, time in in_time])
        values = array("d", [value for value, _ in in_time])
        learn(block, layout, method, times, values)


def _understood(stored: bytes) -> _Old | None:
    """The stored block, None if this code does not know it."""
    if len(stored) % DOUBLE or len(stored) < DOUBLE * JOURNAL:
        return None
    block = memoryview(bytearray(stored)).cast("d")
    for method in METHODS.values():
        window = block[SHAPE] - shape(NUMBER, method.number, 0)
        if 0.0 < window < len(block) and window == int(window):
            layout = method.layout(int(window))
            if layout.doubles == len(block) and sound(block, layout):
                catch_up(block, layout, method)
                return _Old(block, layout.ring_at, layout.window, method)
    for number, ring_at in _RINGS_OF_THE_FIRST.items():
        window, odd = divmod(len(block) - ring_at, 2)
        known = window > 0 and not odd and block[SHAPE] == shape(1, number, window)
        if known and 0.0 <= block[COUNT] < LARGEST_COUNT:
            return _Old(block, ring_at, window, None)
    return None


def _ring_in_order(old: _Old) -> Sequence[tuple[float, float]]:
    """The (value, time) pairs of a block's ring, oldest accepted first."""
    count = int(old.block[COUNT])
    held = min(count, old.window)
    slots = (old.ring_at + 2 * ((count - held + i) % old.window) for i in range(held))
    return [(old.block[slot], old.block[slot + 1]) for slot in slots]
