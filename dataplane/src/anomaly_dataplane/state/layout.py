"""Layout of a series' block: little-endian float64. Scalars, journal, the method's fields, ring.

`detectors/` reads and writes blocks in place by these indices; `store/` sees only bytes. The byte
for byte description with its rules is docs/commit-protocol.md; a test keeps the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field

NUMBER = 2
"""Of this layout. A block of another shape is migrated when it is next read."""

DOUBLE = 8

VERSION = 0  # token of the commit that wrote the block: pod nonce * 2**32 + counter
SHAPE = 1  # what the rest of the block means: see Layout.shape
NEWEST = 2  # newest accepted time, Unix milliseconds
COUNT = 3  # samples put into this ring; the next one goes to slot COUNT mod window
TOTAL = 4  # samples accepted since the series exists; survives migration
HORIZON = 5  # newest time that ever left the ring; nothing at or before it is accepted
MEAN = 6  # of the values in the ring
M2 = 7  # sum of their squared deviations from MEAN
SINCE_ALARM = 8  # samples since the last anomaly
ARMED = 9  # 1 if the last episode is over, so that the next alarm may be raised
PENDING = 10  # last samples that stored ring and method's fields lack; the journal has them
JOURNAL = 11  # (value, time) of those, then the method's hot and cold fields, then the ring

NEVER = 1e9
"""SINCE_ALARM of a series that never had one: more than any setting asks for."""

LARGEST_COUNT = 2.0**53
"""Beyond it COUNT would no longer grow by one."""

_NUMBER_UNIT = 2**24
_METHOD_UNIT = 2**16


_JOURNAL = 8
"""Samples in the journal of a method with fields of its own. Fewer bytes would be written with 8 to
12; what it takes of the block is what keeps that inside one of the allocator's size classes."""

_PLAIN_JOURNAL = 2
"""The same of a method without: only the write of a ring slot is saved."""

_LARGEST_OFFSET = 2**16 - 1
"""A commit gives the offset of a range in 16 bits."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout for a window and a method.

    Attributes:
        window: samples in the ring.
        method: the method's number, below 2**8.
        hot: float64 that the method changes with every sample.
        cold: float64 that it changes now and then; they are written only when touched.
        journal: samples that the journal holds.
        hot_at: where the method's hot fields start.
        cold_at: where its cold fields start.
        ring_at: where the ring of (value, time) slots starts, in order of acceptance.
        doubles: length of a block in float64.
    """

    window: int
    method: int = 0
    hot: int = 0
    cold: int = 0

    journal: int = field(init=False)
    hot_at: int = field(init=False)
    cold_at: int = field(init=False)
    ring_at: int = field(init=False)
    doubles: int = field(init=False)

    def __post_init__(self) -> None:
        journal = min(_JOURNAL if self.hot else _PLAIN_JOURNAL, self.window)
        hot_at = JOURNAL + 2 * journal
        ring_at = hot_at + self.hot + self.cold
        if ring_at + 2 * self.window > _LARGEST_OFFSET:
            largest = (_LARGEST_OFFSET - ring_at) // 2
            raise ValueError(f"a window of {self.window} samples; {largest} is the most")
        # Stored, not computed on each use: kernels ask for them once a group.
        object.__setattr__(self, "journal", journal)
        object.__setattr__(self, "hot_at", hot_at)
        object.__setattr__(self, "cold_at", hot_at + self.hot)
        object.__setattr__(self, "ring_at", ring_at)
        object.__setattr__(self, "doubles", ring_at + 2 * self.window)

    @property
    def size_bytes(self) -> int:
        """Length of a block in bytes."""
        return DOUBLE * self.doubles

    @property
    def shape(self) -> float:
        """What SHAPE holds in a block of this layout."""
        return shape(NUMBER, self.method, self.window)


def shape(number: int, method: int, window: int) -> float:
    """What SHAPE holds in a block of a layout number, a method's number and a window."""
    return float(number * _NUMBER_UNIT + method * _METHOD_UNIT + window)


def start(block: memoryview[float], layout: Layout) -> None:
    """Make `block` (all zeros) the state of a series that has no sample yet."""
    block[SHAPE] = layout.shape
    block[SINCE_ALARM] = NEVER
    block[ARMED] = 1.0
