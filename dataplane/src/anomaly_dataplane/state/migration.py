"""From a stored block of another window, method or layout to one of ours. Used by `working_set.py`.

Keeps what can be kept and warms the rest; a block that cannot be understood starts over.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from anomaly_dataplane.detectors.kernel import learn, measure
from anomaly_dataplane.detectors.method import METHODS, Method
from anomaly_dataplane.state.layout import (
    ARMED,
    COUNT,
    DOUBLE,
    HORIZON,
    METHOD,
    NEWEST,
    SHAPE,
    SINCE_ALARM,
    TOTAL,
    Layout,
    start,
)


def migrate(stored: bytes, block: memoryview[float], layout: Layout, method: Method) -> None:
    """Fill `block` (all zeros) from a stored block of another shape.

    The newest samples that fit are kept, and so are the times that guard against repeats and the
    alarm's state. The method keeps its state if it is the same one; a new one learns the ring.
    """
    start(block, layout)
    old = _understood(stored)
    if old is None:
        return
    old_block, old_layout = old
    pairs = _ring_in_order(old_block, old_layout)
    kept = pairs[-layout.window :]
    dropped = pairs[: len(pairs) - len(kept)]
    for i, (value, time) in enumerate(kept):
        block[layout.ring_at + 2 * i] = value
        block[layout.ring_at + 2 * i + 1] = time
    block[COUNT] = float(len(kept))
    for index in (NEWEST, TOTAL, SINCE_ALARM, ARMED):
        block[index] = old_block[index]
    block[HORIZON] = max([old_block[HORIZON], *(time for _, time in dropped)])
    measure(block, layout)
    if old_layout.method == layout.method:
        block[METHOD : layout.ring_at] = old_block[METHOD : layout.ring_at]
    else:
        in_time = sorted(kept, key=lambda pair: pair[1])
        times = array("d", [time for _, time in in_time])
        values = array("d", [value for value, _ in in_time])
        learn(block, layout, method, times, values)


def _understood(stored: bytes) -> tuple[memoryview[float], Layout] | None:
    """The stored block as float64 and its layout, None if this code does not know it."""
    if len(stored) % DOUBLE or len(stored) < DOUBLE * METHOD:
        return None
    block = memoryview(stored).cast("d")
    for method in METHODS.values():
        window = (len(block) - METHOD - method.hot - method.cold) // 2
        if window > 0:
            layout = method.layout(window)
            if layout.doubles == len(block) and block[SHAPE] == layout.shape:
                return block, layout
    return None


def _ring_in_order(block: memoryview[float], layout: Layout) -> Sequence[tuple[float, float]]:
    """The (value, time) pairs of a block's ring, oldest accepted first."""
    count = int(block[COUNT])
    held = min(count, layout.window)
    slots = ((count - held + i) % layout.window for i in range(held))
    return [
        (block[layout.ring_at + 2 * slot], block[layout.ring_at + 2 * slot + 1]) for slot in slots
    ]
