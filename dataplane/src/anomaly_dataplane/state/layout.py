"""Layout of a series' block: little-endian float64. Common scalars, the method's, then the ring.

`detectors/` reads and writes blocks in place by these indices; `store/` sees only bytes. The byte
for byte description with its rules is docs/commit-protocol.md; a test keeps the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field

NUMBER = 1
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
METHOD = 10  # the method's own scalars, then its cold fields, then the ring

NEVER = 1e9
"""SINCE_ALARM of a series that never had one: more than any setting asks for."""

_NUMBER_UNIT = 2**24
_METHOD_UNIT = 2**16


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout for a window and a method.

    Attributes:
        window: samples in the ring, below 2**16.
        method: the method's number, below 2**8.
        hot: float64 that the method changes with every sample.
        cold: float64 that it changes now and then; they are written only when touched.
        cold_at: where the method's cold fields start.
        ring_at: where the ring of (value, time) slots starts, in order of acceptance.
        doubles: length of a block in float64.
    """

    window: int
    method: int = 0
    hot: int = 0
    cold: int = 0

    cold_at: int = field(init=False)
    ring_at: int = field(init=False)
    doubles: int = field(init=False)

    def __post_init__(self) -> None:
        # Stored, not computed on each use: kernels ask for them once a group.
        object.__setattr__(self, "cold_at", METHOD + self.hot)
        object.__setattr__(self, "ring_at", METHOD + self.hot + self.cold)
        object.__setattr__(self, "doubles", self.ring_at + 2 * self.window)

    @property
    def size_bytes(self) -> int:
        """Length of a block in bytes."""
        return DOUBLE * self.doubles

    @property
    def shape(self) -> float:
        """What SHAPE holds in a block of this layout."""
        return float(NUMBER * _NUMBER_UNIT + self.method * _METHOD_UNIT + self.window)


def start(block: memoryview[float], layout: Layout) -> None:
    """Make `block` (all zeros) the state of a series that has no sample yet."""
    block[SHAPE] = layout.shape
    block[SINCE_ALARM] = NEVER
    block[ARMED] = 1.0
