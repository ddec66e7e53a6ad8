"""The blocks that a lane works on: filled from the store, changed by kernels, turned into writes.

Between `commit.py`, which decides what happens when, and `cache.py`, which holds the memory.
"""

from __future__ import annotations

import secrets
import time
from array import array
from collections.abc import Callable
from typing import cast

from anomaly_dataplane.contract.config import Detection, Ingest
from anomaly_dataplane.detectors import stamps
from anomaly_dataplane.detectors.clock import UTC_CLOCK, Clock
from anomaly_dataplane.detectors.method import Method
from anomaly_dataplane.detectors.rules import TRANSFORMS, Rulebook, Rules
from anomaly_dataplane.detectors.scores import Changes
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.cache import Begun, BlockCache
from anomaly_dataplane.state.journal import catch_up, sound
from anomaly_dataplane.state.layout import MADE_BY, MADE_BY_MASK, start
from anomaly_dataplane.state.migration import migrate
from anomaly_dataplane.state.rows import by_partition, describe
from anomaly_dataplane.store import VERSION_BYTES, Writes

_SEQUENCE_BITS = 32
_NONCE_BITS = 20  # together 52: exact in a float64


class WorkingSet:
    """Cached blocks of one lane, and what is known of their stored counterparts.

    Attributes:
        book: the rules that series go by; may be replaced between groups.
    """

    def __init__(
        self,
        method: Method,
        window: int,
        slots: int,
        clock: Clock = UTC_CLOCK,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.method = method
        self.book = Rulebook((Rules.of(Detection(method=method.name), Ingest()),), clock)
        self._clock = clock
        self._wall_clock = wall_clock
        self.layout = method.layout(window)
        self._cache = BlockCache(self.layout, slots)
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

    @property
    def ruled(self) -> array[int]:
        """By slot, the row of the book that its series goes by, as of the current group."""
        return self._cache.ruled

    def begin(self, series: list[Series]) -> Begun:
        """Start a group of these series; those without a slot must be filled, then begun again."""
        book = self.book
        begun = self._cache.begin_group(series, book.first, book.rows)
        if begun.unruled:
            for item in dict.fromkeys(series):
                if item.slot >= 0:
                    self._cache.ruled[item.slot] = book.row_of(item)
        return begun

    def fill(self, series: Series, stored: bytes | None) -> None:
        """Cache what the store holds of a series of the current group."""
        layout = self.layout
        slot = self._cache.admit(series)
        if stored is not None and layout.fits(stored):
            self._cache.put(slot, stored)
            if sound(self.slab, layout, slot):
                catch_up(self.slab, layout, self.method, self._clock, slot)
                return
        self._cache.fresh[slot] = True
        block = layout.blank()
        if stored is None:
            start(block, layout)
        else:
            migrate(stored, block, layout, self.method, self._clock)
            block.cast("B")[:VERSION_BYTES] = stored[:VERSION_BYTES].ljust(VERSION_BYTES, b"\0")
        self._cache.put(slot, bytes(block))

    def block(self, series: Series) -> memoryview[float]:
        """A copy of a cached block."""
        return self._cache.copy(series.slot)

    def forget(self, series: Series) -> None:
        """Drop a block that is not, or may not be, what the store holds."""
        self._cache.forget(series)

    def version(self, series: Series) -> bytes:
        """The version of a cached block, ABSENT if it was never written."""
        return self._cache.version(series.slot)

    def span_seconds(self, series: Series) -> float:
        """From the oldest to the newest sample in the window of a cached block."""
        times = stamps.unfold(self.block(series), self.layout)
        return (max(times) - min(times)) / 1000.0 if times else 0.0

    def transform(self, series: Series) -> str:
        """What the values of a cached block are made by."""
        return TRANSFORMS[(self._cache.marks(series.slot) >> MADE_BY) & MADE_BY_MASK]

    def writes(self, changes: Changes) -> dict[int, tuple[array[int], Writes]]:
        """Stamp changed blocks with new versions and describe the changes to the store.

        Args:
            changes: of the current group, to blocks not written since.

        Returns:
            By partition the rows of `changes` that it has, and what to write of them.
        """
        cache = self._cache
        owners = cast("list[Series]", cache.owners)  # a changed block has one
        version = self._next_versions(len(changes.slots))
        # A byte is enough: that of 255 days ago is met by nothing that is still there.
        day = 1 + int(self._wall_clock() // 86400) % 255
        found = {}
        for partition, rows in by_partition(changes.slots, cache.partitions, cache.partition_count):
            writes = describe(
                cache.doubles,
                cache.octets,
                owners,
                cache.fresh,
                self.layout,
                self.method.cold_piece,
                changes,
                rows,
                version,
                cache.touched,
                day,
            )
            found[partition] = rows, writes
            version += len(rows)
        return found

    def _next_versions(self, count: int) -> int:
        """The first of so many tokens that no other commit ever used.

        Not a counter a series: after a failover two pods could both hold "version 6" of different
        states, and a write of ranges would mix them.
        """
        if self._sequence + count >= 1 << _SEQUENCE_BITS:
            self._nonce = secrets.randbits(_NONCE_BITS) << _SEQUENCE_BITS
            self._sequence = 1
        first = self._nonce + self._sequence
        self._sequence += count
        return first
