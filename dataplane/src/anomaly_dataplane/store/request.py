"""Writes the request of a commit, in Redis' protocol, from the columns of its `Writes`.

`wire.py` calls it and says what the parts mean. The loops over rows are here so that they compile;
every argument is copied once, from where the writer's blocks lie into the buffer.
"""

from __future__ import annotations

from array import array

from anomaly_dataplane.detectors import pointers
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import DOUBLE
from anomaly_dataplane.store import NAMED, VERSION_BYTES, Writes, octets

FRAME_BYTES = 16
"""Room for what frames an argument: `$`, its length and two line ends."""

HEADER_BYTES_A_ROW = 1 + VERSION_BYTES + 4

FURTHER_RANGE = 8
"""In a row's byte of the header: one more range than the first; below are the flags of `Writes`."""


def argument(data: bytes) -> bytes:
    """One argument of a request."""
    return b"$%d\r\n%b\r\n" % (len(data), data)


def total(column: array[int]) -> int:
    """The sum of a column of typecode 'i'."""
    items, found = pointers.ints(column), 0
    for i in range(len(column)):
        found += items[i]
    return found


def put(buffer: bytearray, at: int, data: bytes) -> int:
    """Copy `data` to its place; returns the place behind."""
    return octets.copy(octets.writable(buffer), at, octets.fixed(data), 0, len(data))


def write_keys(buffer: bytearray, at: int, opening: bytes, series: list[Series]) -> int:
    """Write an argument for the state key of each series.

    Args:
        buffer: long enough.
        at: where to start.
        opening: of each argument, up to the series' id.
        series: of one partition.

    Returns:
        The place behind.
    """
    into, start, size = octets.writable(buffer), octets.fixed(opening), len(opening)
    for item in series:
        name = item.id_bytes
        at = octets.copy(into, at, start, 0, size)
        at = octets.copy(into, at, octets.fixed(name), 0, len(name))
        at = _end(into, at)
    return at


def write_header(buffer: bytearray, at: int, writes: Writes) -> int:
    """Write the columns of all rows, one after the other; wire.py describes them.

    Args:
        buffer: long enough.
        at: where to start.
        writes: no number of which is beyond 16 bits.

    Returns:
        The place behind.
    """
    rows = len(writes.flags)
    into = octets.writable(buffer)
    expected, flags = octets.writable(writes.expected), octets.writable(writes.flags)
    accepted, outliers = pointers.ints(writes.accepted), pointers.ints(writes.outliers)
    ends, offsets = pointers.ints(writes.ends), pointers.ints(writes.offsets)
    first = 0
    for i in range(rows):
        into[at + i] = flags[i] + FURTHER_RANGE * (ends[i] - first - 1)
        first = ends[i]
    at = octets.copy(into, at + rows, expected, 0, VERSION_BYTES * rows)
    for i in range(rows):
        at = _short(into, at, accepted[i])
        at = _short(into, at, outliers[i])
    first = 0
    for i in range(rows):
        for k in range(first + 1, ends[i]):
            at = _short(into, at, offsets[k])
        first = ends[i]
    for row, _ in writes.anomalies:
        at = _short(into, at, row)
    return at


def write_ranges(buffer: bytearray, at: int, writes: Writes, names: dict[int, bytes]) -> int:
    """Write an argument for each range, before them for a NAMED row what `names` has.

    Args:
        buffer: long enough.
        at: where to start.
        writes: of which the ranges are.
        names: whole arguments, by row.

    Returns:
        The place behind.
    """
    into, memory = octets.writable(buffer), octets.seen(writes.memory)
    flags, ends = octets.writable(writes.flags), pointers.ints(writes.ends)
    starts, lengths = pointers.ints(writes.starts), pointers.ints(writes.lengths)
    k = 0
    for i in range(len(writes.flags)):
        if flags[i] & NAMED:
            name = names[i]
            at = octets.copy(into, at, octets.fixed(name), 0, len(name))
        while k < ends[i]:
            size = DOUBLE * lengths[k]
            at = _open(into, at, size)
            at = octets.copy(into, at, memory, DOUBLE * starts[k], size)
            at = _end(into, at)
            k += 1
    return at


def _open(into: bytearray, at: int, size: int) -> int:
    """Begin an argument of `size` bytes."""
    into[at] = 36  # $
    digits = 1
    rest = size
    while rest >= 10:
        rest //= 10
        digits += 1
    place = at + digits
    while place > at:
        into[place] = 48 + size % 10
        size //= 10
        place -= 1
    return _end(into, at + digits + 1)


def _end(into: bytearray, at: int) -> int:
    """End a line."""
    into[at] = 13
    into[at + 1] = 10
    return at + 2


def _short(into: bytearray, at: int, number: int) -> int:
    """Write a number of 16 bits, little-endian."""
    into[at] = number & 255
    into[at + 1] = number >> 8
    return at + 2
