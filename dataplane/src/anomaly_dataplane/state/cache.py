"""The pod's cache of blocks: one slab of memory, a slot a series, least recently used out first.

Only a cache: the truth is in the store, and a stale slot is found out by the version check of the
commit. `working_set.py` alone uses it, one cache a lane.
"""

from __future__ import annotations

import mmap
from array import array
from typing import NamedTuple

from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import FINE_BIT, MARKS, Layout
from anomaly_dataplane.state.rows import pin
from anomaly_dataplane.store import VERSION_BYTES


class Begun(NamedTuple):
    """Where the blocks of a group's series are.

    Attributes:
        slots: of each series, with repeats (typecode 'i'); -1 where it has none.
        missing: how many of these are -1.
        distinct: series that have a slot, each counted once.
        unruled: how many of these go by nobody knows which rule yet.
    """

    slots: array[int]
    missing: int
    distinct: int
    unruled: int


class BlockCache:
    """A slab of `slots` blocks one after the other, and behind them all the microseconds of each.

    A block that stands alone is such a slab of one, and the same that a store holds. The slab is
    anonymous memory, a page of which costs nothing before it is first written to: that is why
    microseconds, which few series have, stand apart.

    Attributes:
        doubles: the whole slab as float64, for kernels that take many blocks at once.
        octets: the same as bytes.
        owners: by slot, whose block it holds.
        partitions: by slot, its owner's partition (typecode 'i').
        ruled: by slot, the row of the rules that its owner goes by (typecode 'i').
        fresh: by slot, whether the store has no block of this layout yet.
        touched: by slot, the day on which the block's expiry was last put off; 0 if unknown.
        partition_count: beyond the highest partition that was ever seen.
    """

    def __init__(self, layout: Layout, slots: int) -> None:
        self._layout = layout
        self._micros_at = slots * layout.doubles
        self.octets = memoryview(mmap.mmap(-1, slots * layout.size_bytes))
        self.doubles: memoryview[float] = self.octets.cast("d")
        self.owners: list[Series | None] = [None] * slots
        self.partitions = array("i", [0]) * slots
        self.ruled = array("i", [0]) * slots
        self.fresh = bytearray(slots)
        self.touched = bytearray(slots)
        self.partition_count = 0
        self._last_group = array("q", [0]) * slots
        self._free = array("i")  # of the slots below `_untouched`
        self._untouched = 0
        self._hand = 0
        self._group = 0
        # Groups that a block survives unused while the clock hand looks for an older one.
        self._grace = max(1, slots // 1024)

    @property
    def used(self) -> int:
        """Slots that hold a block."""
        return self._untouched - len(self._free)

    def begin_group(self, series: list[Series], first_rule: int, rules: int) -> Begun:
        """Pin the cached ones of `series`: no slot of this group is evicted before the next."""
        self._group += 1
        return Begun(*pin(series, self._last_group, self._group, self.ruled, first_rule, rules))

    def admit(self, series: Series) -> int:
        """Give a series a slot, evicting another if none is free; what is in it is of no use."""
        slot = self._take()
        self.owners[slot] = series
        self.partitions[slot] = series.partition
        self.fresh[slot] = False
        self.touched[slot] = 0
        self.partition_count = max(self.partition_count, series.partition + 1)
        self._last_group[slot] = self._group
        series.slot = slot
        return slot

    def put(self, slot: int, block: bytes) -> None:
        """Put a block as a store has it, whatever its numbers are, into a slot."""
        size = self._layout.stored_bytes
        at = slot * size
        self.octets[at : at + size] = block if len(block) == size else block[:size]
        if self._fine(slot):
            micros = self._micros(slot).cast("B")
            micros[:] = block[size:].ljust(len(micros), b"\0")

    def copy(self, slot: int) -> memoryview[float]:
        """The block in a slot, standing alone."""
        block = self._layout.blank()
        size = self._layout.doubles
        at = slot * size
        block[:size] = self.doubles[at : at + size]
        if self._fine(slot):
            block[size:] = self._micros(slot)
        return block

    def marks(self, slot: int) -> int:
        """MARKS of the block in a slot."""
        return int(self.doubles[slot * self._layout.doubles + MARKS])

    def version(self, slot: int) -> bytes:
        """The version of the block in a slot."""
        at = slot * self._layout.stored_bytes
        return bytes(self.octets[at : at + VERSION_BYTES])

    def forget(self, series: Series) -> None:
        """Drop a series' block: it is not, or may not be, what the store holds."""
        if series.slot >= 0:
            self.owners[series.slot] = None
            self._free.append(series.slot)
            series.slot = -1

    def _fine(self, slot: int) -> bool:
        """Whether the block in a slot has microseconds."""
        return self.doubles[slot * self._layout.doubles + MARKS] >= FINE_BIT

    def _micros(self, slot: int) -> memoryview[float]:
        """The microseconds of the block in a slot."""
        size = self._layout.micros
        at = self._micros_at + slot * size
        return self.doubles[at : at + size]

    def _take(self) -> int:
        """A slot that holds nothing, or nothing that is of use."""
        if self._free:
            return self._free.pop()
        if self._untouched < len(self.owners):
            self._untouched += 1
            return self._untouched - 1
        return self._evict()

    def _evict(self) -> int:
        """Free a slot that the current group does not use, one long unused if there is one."""
        for oldest in (self._group - self._grace, self._group):
            for _ in self.owners:
                slot = self._hand
                self._hand = (slot + 1) % len(self.owners)
                if self._last_group[slot] < oldest:
                    owner = self.owners[slot]
                    if owner is not None:
                        owner.slot = -1
                    return slot
        raise MemoryError(f"a group needs more than the {len(self.owners)} slots of the cache")
