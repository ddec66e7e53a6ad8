"""Layout of a series' block: little-endian float64, fixed scalars first, then the window's ring.

`detectors/` reads and writes blocks in place by these indices; `store/` sees only bytes. The byte
for byte description with its rules is docs/commit-protocol.md; a test keeps the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass

NUMBER = 1
"""Of this layout. A block of another number or window is migrated when it is next read."""

DOUBLE = 8

VERSION = 0  # token of the commit that wrote the block: pod nonce * 2**32 + counter
SHAPE = 1  # NUMBER * 2**20 + window: what the rest of the block means
NEWEST = 2  # newest accepted time, Unix milliseconds
COUNT = 3  # samples put into this ring; the next one goes to slot COUNT mod window
TOTAL = 4  # samples accepted since the series exists; survives migration
HORIZON = 5  # newest time that ever left the ring; nothing at or before it is accepted
MEAN = 6  # of the values in the ring
M2 = 7  # sum of their squared deviations from MEAN
SINCE_ALARM = 8  # samples since the last anomaly
ARMED = 9  # 1 if the last episode is over, so that the next alarm may be raised
RING = 10  # slots of (value, time), in order of acceptance

_SHAPE_BASE = 2**20
NEVER = 1e9
"""SINCE_ALARM of a series that never had one: more than any setting asks for."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout for a window of `window` samples."""

    window: int

    @property
    def doubles(self) -> int:
        """Length of a block in float64."""
        return RING + 2 * self.window

    @property
    def size_bytes(self) -> int:
        """Length of a block in bytes."""
        return DOUBLE * self.doubles

    @property
    def shape(self) -> float:
        """What SHAPE holds in a block of this layout."""
        return float(NUMBER * _SHAPE_BASE + self.window)


def start(block: memoryview[float], layout: Layout) -> None:
    """Make `block` (all zeros) the state of a series that has no sample yet."""
    block[SHAPE] = layout.shape
    block[SINCE_ALARM] = NEVER
    block[ARMED] = 1.0


def migrate(stored: bytes, block: memoryview[float], layout: Layout) -> None:
    """Fill `block` (all zeros) from a stored block of another window or layout number.

    Keeps what can be kept: the newest samples that fit, the times that guard against repeats, the
    alarm's state. The moments are left to the caller, who recomputes them from the ring. A block
    that cannot be understood starts over.
    """
    start(block, layout)
    old = _understood(stored)
    if old is None:
        return
    pairs = _ring_in_order(old)
    kept = pairs[-layout.window :]
    dropped = pairs[: len(pairs) - len(kept)]
    for i, (value, time) in enumerate(kept):
        block[RING + 2 * i] = value
        block[RING + 2 * i + 1] = time
    block[COUNT] = float(len(kept))
    for index in (NEWEST, TOTAL, SINCE_ALARM, ARMED):
        block[index] = old[index]
    block[HORIZON] = max([old[HORIZON], *(time for _, time in dropped)])


def _understood(stored: bytes) -> memoryview[float] | None:
    """The stored block as float64, None if this code does not know what it means."""
    if len(stored) % DOUBLE or len(stored) < DOUBLE * RING:
        return None
    block = memoryview(stored).cast("d")
    window = (len(block) - RING) // 2
    return block if window and block[SHAPE] == Layout(window).shape else None


def _ring_in_order(block: memoryview[float]) -> list[tuple[float, float]]:
    """The (value, time) pairs of a block's ring, oldest accepted first."""
    window = (len(block) - RING) // 2
    count = int(block[COUNT])
    held = min(count, window)
    slots = ((count - held + i) % window for i in range(held))
    return [(block[RING + 2 * slot], block[RING + 2 * slot + 1]) for slot in slots]
