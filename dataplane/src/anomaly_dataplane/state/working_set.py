"""The blocks that a lane works on: filled from the store, changed by kernels, turned into writes.

Between `commit.py`, which decides what happens when, and `cache.py`, which holds the memory.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from anomaly_dataplane.detectors.kernel import Changes
from anomaly_dataplane.detectors.method import Method
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.cache import BlockCache
from anomaly_dataplane.state.layout import COUNT, DOUBLE, SHAPE, VERSION, start
from anomaly_dataplane.state.migration import migrate
from anomaly_dataplane.store import ABSENT, VERSION_BYTES, SeriesWrite

_SEQUENCE_BITS = 32
_NONCE_BITS = 20  # together 52: exact in a float64


class WorkingSet:
    """Cached blocks of one lane, and what is known of their stored counterparts."""

    def __init__(self, method: Method, window: int, slots: int) -> None:
        self.method = method
        self.layout = method.layout(window)
        self._cache = BlockCache(self.layout, slots)
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
        migrate(stored, block, layout, self.method)
        self._reshaped[series] = stored[:VERSION_BYTES]

    def forget(self, series: Series) -> None:
        """Drop a block that is not, or may not be, what the store holds."""
        self._cache.forget(series)
        self._reshaped.pop(series, None)

    def version(self, series: Series) -> bytes:
        """The version of a cached block, ABSENT if it was never written."""
        raw = bytes(self._cache.block_bytes(series.slot)[:VERSION_BYTES])
        return ABSENT if self._cache.block(series.slot)[VERSION] == 0.0 else raw

    def write(self, series: Series, changes: Changes, row: int) -> SeriesWrite:
        """Stamp a changed block with a new version and describe the change to the store.

        Args:
            series: of the current group, changed since it was filled or last written.
            changes: what the group did to blocks.
            row: the one of this series.
        """
        window = self.layout.window
        block = self._cache.block(series.slot)
        raw = self._cache.block_bytes(series.slot)
        expected = self._reshaped.pop(series, None)
        whole = expected is not None or block[VERSION] == 0.0
        if expected is None:
            expected = self.version(series)
        block[VERSION] = self._next_version()
        count, before = int(block[COUNT]), changes.count_before[row]
        added, outliers = count - before, changes.outliers[row]
        if whole:
            return SeriesWrite(
                series, expected, [(0, raw)], whole=True, accepted=added, outliers=outliers
            )
        first = before % window if added < window else 0
        run = min(added, window - first)
        rest = min(added, window) - run
        cold, ring, piece = self.layout.cold_at, self.layout.ring_at, self.method.cold_piece
        first_piece, last_piece = changes.first_piece[row], changes.last_piece[row]
        pieces = last_piece - first_piece + 1 if last_piece >= 0 else 0
        ranges = [
            (at, raw[DOUBLE * at : DOUBLE * (at + length)])
            for at, length in (
                (0, cold),
                (cold + piece * first_piece, piece * pieces),
                (ring + 2 * first, 2 * run),
                (ring, 2 * rest),
            )
            if length
        ]
        turned = count // window != before // window
        return SeriesWrite(
            series, expected, ranges, touch=turned, accepted=added, outliers=outliers
        )

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
