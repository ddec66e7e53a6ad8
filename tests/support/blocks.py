"""Blocks of series in plain memory, for tests of what works in place on them."""

from __future__ import annotations

from array import array

from anomaly_dataplane.detectors import stamps
from anomaly_dataplane.detectors.clock import UTC_CLOCK
from anomaly_dataplane.detectors.method import Method
from anomaly_dataplane.state.journal import catch_up
from anomaly_dataplane.state.layout import MARKS, PENDING_MASK, SHAPE, Layout, start


def blank_blocks(layout: Layout, count: int = 1) -> memoryview[float]:
    """A slab of blocks of series that have no sample yet."""
    slab: memoryview[float] = memoryview(bytearray(count * layout.size_bytes)).cast("d")
    for i in range(count):
        start(slab[i * layout.doubles : (i + 1) * layout.doubles], layout)
    return slab


def opened(stored: bytes, layout: Layout, method: Method) -> memoryview[float]:
    """A stored block of this layout, empty for none, as a pod has it that reads it."""
    block = layout.opened(stored)
    catch_up(block, layout, method, UTC_CLOCK)
    return block


def state_in(stored: bytes, layout: Layout, method: Method) -> bytes:
    """The state that a stored block of this layout holds, however commits divided its samples.

    Without the version and the journal, which differ where the division did.
    """
    block = opened(stored, layout, method)
    block[MARKS] = float(int(block[MARKS]) & ~PENDING_MASK)
    return bytes(block[SHAPE : MARKS + 1]) + bytes(block[layout.hot_at :])


def samples_in(stored: bytes, layout: Layout, method: Method) -> tuple[array[float], array[float]]:
    """Times and values of the samples in a stored block's ring, by slot."""
    block = opened(stored, layout, method)
    times = stamps.unfold(block, layout)
    return times, array("d", block[layout.ring_at : layout.ring_at + len(times)])
