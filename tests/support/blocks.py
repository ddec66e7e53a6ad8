"""Blocks of series in plain memory, for tests of what works in place on them."""

from __future__ import annotations

from anomaly_dataplane.state.layout import Layout, start


def blank_blocks(layout: Layout, count: int = 1) -> memoryview[float]:
    """Blocks of series that have no sample yet, one after the other."""
    slab: memoryview[float] = memoryview(bytearray(count * layout.size_bytes)).cast("d")
    for i in range(count):
        start(slab[i * layout.doubles : (i + 1) * layout.doubles], layout)
    return slab
