"""The blocks that a lane works on: filled from the store, changed by kernels, turned into writes.

Between `commit.py`, which decides what happens when, and `cache.py`, which holds the memory.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from anomaly_dataplane.detectors.window import recompute
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.cache import BlockCache
from anomaly_dataplane.state.layout import (
    COUNT,
    DOUBLE,
    RING,
    SHAPE,
    VERSION,
    Layout,
    migrate,
    start,
)
from anomaly_dataplane.store import ABSENT, VERSION_BYTES, SeriesWrite

_SEQUENCE_BITS = 32
_NONCE_BITS = 20  # together 52: exact in a float64


class WorkingSet:
    """Cached blocks of one lane, and what is known of their stored counterparts."""

    def __init__(self, layout: Layout, slots: int) -> None:
        self.layout = layout
        self._cache = BlockCache(layout, slots)
        self._reshaped: dict[Series, bytes] = {}
        self._nonce = 0
        self._sequence = 1 << _SEQUENCE_BITS

    @property
    def used(self) -> int:
        """Series whose block is cached."""
        return self._cache.used

    @property
    def slab(self) -> memoryview[float]:
        """All blocks as float64, for kernels."""
        return self._cache.doubles

    def missing(self, series: Sequence[Series]) -> list[Series]:
        """Start a group of these series; returns, each once, those that must be filled first."""
        self._cache.begin_group(series)
        return list(dict.fromkeys(item for item in series if item.slot < 0))

    def fill(self, series: Series, stored: bytes | None) -> None:
        """Cache what the store holds of a series of the current group."""
        layout = self.layout
        block = self._cache.admit(series)
        if stored is None:
            start(block, layout)
            return
        if len(stored) == layout.size_bytes:
            self._cache.block_bytes(series.slot)[:] = stored
            if block[SHAPE] == layout.shape:
                return
            self._cache.block_bytes(series.slot)[:] = bytes(layout.size_bytes)
        migrate(stored, block, layout)
        recompute(self.slab, series.slot * layout.doubles, layout.window)
        self._reshaped[series] = stored[:VERSION_BYTES]

    def forget(self, series: Series) -> None:
        """Drop a block that is not, or may not be, what the store holds."""
        self._cache.forget(series)
        self._reshaped.pop(series, None)

    def version(self, series: Series) -> bytes:
        """The version of a cached block, ABSENT if it was never written."""
        raw = bytes(self._cache.block_bytes(series.slot)[:VERSION_BYTES])
        return ABSENT if self._cache.block(series.slot)[VERSION] == 0.0 else raw

    def write(self, series: Series, count_before: int) -> SeriesWrite:
        """Stamp a changed block with a new version and describe the change to the store.

        Args:
            series: of the current group, changed since it was filled or last written.
            count_before: COUNT of its block before the change.
        """
        layout = self.layout
        block = self._cache.block(series.slot)
        raw = self._cache.block_bytes(series.slot)
        expected = self._reshaped.pop(series, None)
        whole = expected is not None or block[VERSION] == 0.0
        if expected is None:
            expected = self.version(series)
        block[VERSION] = self._next_version()
        count = int(block[COUNT])
        added = count - count_before
        if whole:
            return SeriesWrite(series, expected, [(0, raw)], whole=True, accepted=added)
        first = count_before % layout.window if added < layout.window else 0
        run = min(added, layout.window - first)
        rest = min(added, layout.window) - run
        ring = DOUBLE * RING
        slot = 2 * DOUBLE
        ranges = [
            (0, raw[:ring]),
            (ring + slot * first, raw[ring + slot * first : ring + slot * (first + run)]),
        ]
        if rest:
            ranges.append((ring, raw[ring : ring + slot * rest]))
        turned = count // layout.window != count_before // layout.window
        return SeriesWrite(series, expected, list(ranges), touch=turned, accepted=added)

    def _next_version(self) -> float:
        """A token that no other commit ever used.

        Not a counter a series: after a failover two pods could both hold "version 6" of different
        states, and a write of ranges would mix them.
        """
        if self._sequence >> _SEQUENCE_BITS:
            self._nonce = secrets.randbits(_NONCE_BITS) << _SEQUENCE_BITS
            self._sequence = 1
        self._sequence += 1
        return float(self._nonce + self._sequence)
