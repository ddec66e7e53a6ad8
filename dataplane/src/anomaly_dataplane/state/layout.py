"""Layout of a series' block: little-endian float64. Scalars, journal, the method's fields, ring.

`detectors/` reads and writes blocks in place by these indices; `store/` sees only bytes. The byte
for byte description with its rules is docs/commit-protocol.md; a test keeps the two equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

NUMBER = 5
"""Of this layout. A block of another shape is migrated when it is next read."""

SAME_SCALARS = (3, 4, NUMBER)
"""Layout numbers whose scalars stand where they stand here and mean the same."""

DOUBLE = 8

VERSION = 0  # token of the commit that wrote the block: pod nonce * 2**32 + counter
SHAPE = 1  # what the rest of the block means: see Layout.shape
NEWEST = 2  # newest accepted time, Unix milliseconds
COUNT = 3  # samples put into this ring; the next one goes to slot COUNT mod window
RAW = 4  # value of the newest sample as it was sent; what Delta and Rate start from
HORIZON = 5  # newest time that ever left the ring, REACH before the newest at least; nothing at or
# before it is accepted
MEAN = 6  # of the values in the ring
M2 = 7  # sum of their squared deviations from MEAN
ALARM = 8  # whether and when to raise: the fields of a word, below
EPISODE = 9  # Unix milliseconds of the event that began the last episode
MARKS = 10  # what else is known of the series: the fields of a word, below
JOURNAL = 11  # the last samples that stored ring and method's fields lack, then the method's
# hot and cold fields, then the ring: values, times, microseconds

# ALARM is an integer of fields, lowest bits first. Of each there is where it starts, and what of
# it is left once it was shifted down; of one that is a bit, the bit.
SINCE_MASK = 2**20 - 1  # samples since the last anomaly, NEVER at most
HISTORY = 20  # of the last samples, the newest lowest: 1 where the score reached the threshold
HISTORY_MASK = 2**20 - 1
ARMED_BIT = 2**40  # the last episode is over, so that the next may be raised
OPEN_BIT = 2**41  # an episode was told and its end was not
ACCEPTED_BIT = 2**42  # the last one lasted so long that it is the new normal
ABOVE_BIT = 2**43  # the last one's side
FEEDBACK = 44  # how often people said that an anomaly was none
FEEDBACK_MASK = 2**4 - 1
FEEDBACK_ONE = 2**FEEDBACK  # an ALARM is no less than this where there is any: it is the last field
FEEDBACK_STEP = 1.15  # what each time raises the threshold of the series by

# MARKS is one, too.
PENDING_MASK = 2**4 - 1  # how many samples the journal holds
VALID = 4  # values in the ring that count; the others are NaN
VALID_MASK = 2**16 - 1
VALID_ONE = 2**VALID
LENGTH = 20  # samples of the open episode
LENGTH_MASK = 2**20 - 1
LENGTH_ONE = 2**LENGTH
FAMILY = 40  # that won when it was raised
FAMILY_MASK = 2**4 - 1
MADE_BY = 44  # the transform of the values in the ring
MADE_BY_MASK = 2**2 - 1
CUMULATIVE_BIT = 2**46  # a protocol said that the series is a counter
STALE_BIT = 2**47  # its silence was told, its return not
CLOSED_BIT = 2**48  # the sender said that it has ended
FINE_BIT = 2**49  # times in the ring have microseconds; the last field, so MARKS is no less then

LATEST = 86_400_000.0
"""Milliseconds that a sample may be behind the newest at most, whatever the rules allow."""

REACH = 2.0**31 - 1.0 - LATEST
"""Milliseconds, 23.9 days, that HORIZON may be behind the newest sample at most when the next one
comes that is that far ahead: times in the ring are told apart by 32 bits (`detectors/stamps.py`).
"""

NAN = math.nan
"""In the ring, the value of a sample that only its time is kept of: neither scored nor learnt."""

NEVER = SINCE_MASK
"""Samples since the last anomaly of a series that never had one: more than any setting asks for."""

OUT_OF_RANGE = FAMILY_MASK
"""In place of a family: the value was outside the range that is valid."""

START_OF_ALARM = float(NEVER + ARMED_BIT)
"""ALARM of a series without a sample."""

LARGEST_COUNT = 2.0**53
"""Beyond it COUNT would no longer grow by one."""

LARGEST_TIME = 2.0**53
"""Milliseconds that no time reaches: they could not be told apart."""

_NUMBER_UNIT = 2**24
_METHOD_UNIT = 2**16


_JOURNAL = 6
"""Samples in the journal of a method with fields of its own. Fewer bytes would be written with 8 to
12; what it takes of the block is what keeps that inside one of the allocator's size classes."""

_PLAIN_JOURNAL = 4
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
        ring_at: where the ring starts, in order of acceptance: `window` values, then as many times
            of 32 bits, then as many microseconds of 16 bits.
        times_at: where its times start.
        doubles: length of a block in float64, without the microseconds that end it.
        micros: float64 of these. A block has them only if a time of the series has some.
        stored_bytes: length of a block in bytes, without microseconds.
        size_bytes: the same with them.
        shape: what SHAPE holds in a block of this layout.
    """

    window: int
    method: int = 0
    hot: int = 0
    cold: int = 0

    journal: int = field(init=False)
    hot_at: int = field(init=False)
    cold_at: int = field(init=False)
    ring_at: int = field(init=False)
    times_at: int = field(init=False)
    doubles: int = field(init=False)
    micros: int = field(init=False)
    stored_bytes: int = field(init=False)
    size_bytes: int = field(init=False)
    shape: float = field(init=False)

    def __post_init__(self) -> None:
        journal = min(_JOURNAL if self.hot else _PLAIN_JOURNAL, self.window)
        hot_at = JOURNAL + 2 * journal
        ring_at = hot_at + self.hot + self.cold
        times_at = ring_at + self.window
        doubles = times_at + (self.window + 1) // 2
        micros = (self.window + 3) // 4
        if doubles + micros > _LARGEST_OFFSET:
            largest = 4 * (_LARGEST_OFFSET - ring_at) // 7
            raise ValueError(f"a window of {self.window} samples; about {largest} are the most")
        # Stored, not computed on each use: some are asked for once a block.
        object.__setattr__(self, "journal", journal)
        object.__setattr__(self, "hot_at", hot_at)
        object.__setattr__(self, "cold_at", hot_at + self.hot)
        object.__setattr__(self, "ring_at", ring_at)
        object.__setattr__(self, "times_at", times_at)
        object.__setattr__(self, "doubles", doubles)
        object.__setattr__(self, "micros", micros)
        object.__setattr__(self, "stored_bytes", DOUBLE * doubles)
        object.__setattr__(self, "size_bytes", DOUBLE * (doubles + micros))
        object.__setattr__(self, "shape", shape(NUMBER, self.method, self.window))

    def blank(self) -> memoryview[float]:
        """Room for a block that stands alone, all zeros."""
        return memoryview(bytearray(self.size_bytes)).cast("d")

    def fits(self, stored: bytes) -> bool:
        """Whether a stored block is as long as one of this layout."""
        return self.stored_bytes <= len(stored) <= self.size_bytes

    def opened(self, stored: bytes) -> memoryview[float]:
        """A copy of a stored block that fits, with room for its microseconds."""
        return memoryview(bytearray(stored.ljust(self.size_bytes, b"\0"))).cast("d")


def shape(number: int, method: int, window: int) -> float:
    """What SHAPE holds in a block of a layout number, a method's number and a window."""
    return float(number * _NUMBER_UNIT + method * _METHOD_UNIT + window)


def number_of(shape: float) -> int:
    """The layout number of a block with this SHAPE; 0 if that is no SHAPE."""
    return int(shape) // _NUMBER_UNIT if 0.0 < shape < LARGEST_COUNT else 0


def start(block: memoryview[float], layout: Layout) -> None:
    """Make `block` (all zeros) the state of a series that has no sample yet."""
    block[SHAPE] = layout.shape
    block[ALARM] = START_OF_ALARM
