"""Blocks of series in plain memory, for tests of what works in place on them."""

from __future__ import annotations

from anomaly_dataplane.detectors.clock import UTC_CLOCK
from anomaly_dataplane.detectors.method import Method
from anomaly_dataplane.state.journal import catch_up
from anomaly_dataplane.state.layout import MARKS, PENDING_MASK, SHAPE, Layout, start


def blank_blocks(layout: Layout, count: int = 1) -> memoryview[float]:
    """Blocks of series that have no sample yet, one after the other."""
    slab: memoryview[float] = memoryview(bytearray(count * layout.size_bytes)).cast("d")
    for i in range(count):
        start(slab[i * layout.doubles : (i + 1) * layout.doubles], layout)
    return slab


def state_in(stored: bytes, layout: Layout, method: Method) -> list[float]:
    """The state that a stored block of this layout holds, however commits divided its samples.

    Without the version and the journal, which differ where the division did.
    """
    block = memoryview(bytearray(stored)).cast("d")
    catch_up(block, layout, method, UTC_CLOCK)
    marks = float(int(block[MARKS]) & ~PENDING_MASK)
    return [*block[SHAPE:MARKS], marks, *block[layout.hot_at :]]
