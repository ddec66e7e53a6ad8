"""Writes the request of a commit, in Redis' protocol, from the columns of its `Writes`.

`wire.py` calls it, once a partition, and says what the parts mean. It is here so that it compiles:
every argument is copied once, from where the writer's blocks lie into the request.
"""

from __future__ import annotations

from array import array

from anomaly_dataplane.detectors import pointers
from anomaly_dataplane.sample import Kind
from anomaly_dataplane.series import ID_BYTES, Series
from anomaly_dataplane.state.layout import DOUBLE
from anomaly_dataplane.store import NAMED, VERSION_BYTES, Writes, octets

LARGEST_COUNT = 2**16 - 1
"""What the header can say of samples and outliers, each."""

OVER = 2**15
"""Added to the row of an event that tells that an episode is over, which is no anomaly to count."""

_FURTHER_RANGE = 8  # in a row's flags: one more range than the first

_HEADER_BYTES = 1 + VERSION_BYTES + 4  # of a row

_FRAME_BYTES = 32  # what frames an argument, or an argument that is a number, at most

_buffer = bytearray(2**16)
"""Requests are put together here, one after the other: nothing is awaited meanwhile."""


def build(
    writes: Writes,
    call: bytes,
    opening: bytes,
    closing: bytes,
    now_ms: int,
    names: dict[int, bytes],
    events: list[bytes],
) -> bytes:
    """The request that commits `writes`.

    Args:
        writes: the columns.
        call: the command and the Function's name, as arguments.
        opening: of the argument that is a series' key, up to its id.
        closing: the arguments between the series' keys and the time.
        now_ms: Unix time in milliseconds.
        names: by NAMED row, its id and name, as arguments.
        events: the anomalies, as arguments, in order of `writes.anomalies`.

    Raises:
        ValueError: more samples or outliers than LARGEST_COUNT.
    """
    rows, ranges, raised = len(writes.flags), len(writes.offsets), len(events)
    accepted, outliers = _sum(writes.accepted), _sum(writes.outliers)
    if accepted > LARGEST_COUNT or outliers > LARGEST_COUNT:
        raise ValueError(
            f"{accepted} samples and {outliers} outliers in one commit; {LARGEST_COUNT} is the most"
        )
    header = _HEADER_BYTES * rows + 2 * (ranges - rows + raised)
    size = len(call) + rows * (len(opening) + ID_BYTES + 2) + len(closing) + header
    size += DOUBLE * _sum(writes.lengths) + _FRAME_BYTES * (ranges + 8)
    for name in names.values():
        size += len(name)
    for event in events:
        size += len(event)
    buffer = _room(size)
    into = pointers.octets(buffer)
    at = _line(into, 0, 42, 12 + rows + ranges + 2 * len(names) + raised)  # *
    at = _put(into, at, call)
    at = _number(into, at, rows + 3)
    at = _keys(into, at, opening, writes.series)
    at = _put(into, at, closing)
    at = _number(into, at, now_ms)
    at = _number(into, at, accepted)
    at = _number(into, at, outliers)
    at = _line(into, at, 36, header)  # $
    at = _end(into, _header(into, at, writes))
    at = _ranges(into, at, writes, names)
    for event in events:
        at = _put(into, at, event)
    return octets.taken(buffer, at)


def _room(size: int) -> bytearray:
    """The buffer, at least so long."""
    global _buffer
    if size > len(_buffer):
        _buffer = bytearray(2 * size)
    return _buffer


def _sum(column: array[int]) -> int:
    items, found = pointers.ints(column), 0
    for i in range(len(column)):
        found += items[i]
    return found


def _keys(into: bytearray, at: int, opening: bytes, series: list[Series]) -> int:
    """Write an argument for the state key of each series; returns the place behind."""
    start, size = octets.fixed(opening), len(opening)
    for i in range(len(series)):
        name = series[i].id_bytes
        at = octets.copy(into, at, start, 0, size)
        at = octets.copy(into, at, octets.fixed(name), 0, ID_BYTES)
        at = _end(into, at)
    return at


def _header(into: bytearray, at: int, writes: Writes) -> int:
    """Write the columns of all rows, one after the other; returns the place behind."""
    rows = len(writes.flags)
    flags, expected = pointers.octets(writes.flags), pointers.octets(writes.expected)
    accepted, outliers = pointers.ints(writes.accepted), pointers.ints(writes.outliers)
    ends, offsets = pointers.ints(writes.ends), pointers.ints(writes.offsets)
    first = 0
    for i in range(rows):
        into[at + i] = flags[i] + _FURTHER_RANGE * (ends[i] - first - 1)
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
    for row, event in writes.anomalies:
        at = _short(into, at, row if event.kind is Kind.RAISED else row + OVER)
    return at


def _ranges(into: bytearray, at: int, writes: Writes, names: dict[int, bytes]) -> int:
    """Write an argument a range, before a NAMED row's its name; returns the place behind."""
    rows, memory = len(writes.flags), octets.seen(writes.memory)
    flags, ends = pointers.octets(writes.flags), pointers.ints(writes.ends)
    starts, lengths = pointers.ints(writes.starts), pointers.ints(writes.lengths)
    k = 0
    for i in range(rows):
        if flags[i] & NAMED:
            at = _put(into, at, names[i])
        while k < ends[i]:
            size = DOUBLE * lengths[k]
            at = _line(into, at, 36, size)  # $
            at = octets.copy(into, at, memory, DOUBLE * starts[k], size)
            at = _end(into, at)
            k += 1
    return at


def _put(into: bytearray, at: int, data: bytes) -> int:
    return octets.copy(into, at, octets.fixed(data), 0, len(data))


def _number(into: bytearray, at: int, number: int) -> int:
    """Write an argument that is a number, not negative."""
    at = _line(into, at, 36, _digits(number))  # $
    return _end(into, _decimal(into, at, number))


def _line(into: bytearray, at: int, kind: int, number: int) -> int:
    """Write the line that opens a request or an argument."""
    into[at] = kind
    return _end(into, _decimal(into, at + 1, number))


def _decimal(into: bytearray, at: int, number: int) -> int:
    end = at + _digits(number)
    place = end
    while place > at:
        place -= 1
        into[place] = 48 + number % 10
        number //= 10
    return end


def _digits(number: int) -> int:
    digits = 1
    while number >= 10:
        number //= 10
        digits += 1
    return digits


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
