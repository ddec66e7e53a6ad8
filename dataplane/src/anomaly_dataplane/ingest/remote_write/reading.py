"""Reads a series of version 2.0 that is written as nearly all are.

A kernel: `v2` calls it for every series of a request, each of which has dozens of references.
"""

from __future__ import annotations

from array import array

from anomaly_dataplane.detectors import pointers
from anomaly_dataplane.ingest import eight_bytes, wire
from anomaly_dataplane.store import octets

NUMBER_BYTES = 4
"""Of a symbol's number, which is the same in all requests."""

_REFERENCES, _SAMPLE, _METADATA = 0x0A, 0x12, 0x2A  # tags in a series
_VALUE, _TIME, _START = 0x09, 0x10, 0x18  # tags in a sample
_KIND = 0x08  # the first tag in metadata, if the kind is said
_DOUBLE_BYTES = 8


def read(spelled: bytes, numbers: bytes, point: array[float]) -> bytes:
    """The series in numbers, which are the same for it in all requests, and its one sample.

    Args:
        spelled: a series: references to symbols, one sample, and metadata if there are any.
        numbers: of the request's symbols, NUMBER_BYTES each.
        point: gets the time in milliseconds and the value.

    Returns:
        A number for each reference, and the metric's kind as one byte more. Nothing if the series
        is written in any other way, or refers to no symbol.
    """
    source, size = octets.fixed(spelled), len(spelled)
    end = _field(source, 0, size, _REFERENCES)
    if end < 0:
        return b""
    room = bytearray(NUMBER_BYTES * end + 1)
    into = pointers.octets(room)
    symbols = len(numbers) // NUMBER_BYTES
    written = _spell(source, 2, end, octets.fixed(numbers), symbols, into)
    sample = end + 2
    end = _field(source, end, size, _SAMPLE)
    if written < 0 or end < 0 or not _point(source, sample, end, pointers.doubles(point)):
        return b""
    into[written] = 0
    if end < size:
        if _field(source, end, size, _METADATA) != size:
            return b""
        if end + 4 <= size and source[end + 2] == _KIND and source[end + 3] < 128:
            into[written] = source[end + 3]
    return octets.taken(room, written + 1)


def _field(source: bytes, at: int, size: int, tag: int) -> int:
    """The place behind a field of fewer than 128 bytes; -1 if there is no such field."""
    if at + 2 > size or source[at] != tag or source[at + 1] > 127:
        return -1
    end = at + 2 + source[at + 1]
    return end if end <= size else -1


def _spell(source: bytes, at: int, end: int, numbers: bytes, symbols: int, into: bytearray) -> int:
    """Write the number of each symbol that is referred to; returns how much, -1 if one is not."""
    written = 0
    while at < end:
        behind = wire.behind(source, at, end)
        if behind < 0:
            return -1
        reference = wire.varint(source, at, behind)
        if reference >= symbols:
            return -1
        place = NUMBER_BYTES * reference
        written = octets.copy(into, written, numbers, place, NUMBER_BYTES)
        at = behind
    return written


def _point(source: bytes, at: int, end: int, instant: array[float]) -> bool:
    """Put time and value of a sample in their places; says whether they were all there was."""
    instant[0] = instant[1] = 0.0
    if at + _DOUBLE_BYTES < end and source[at] == _VALUE:
        instant[1] = eight_bytes.real(source, at + 1)
        at += 1 + _DOUBLE_BYTES
    if at < end and source[at] == _TIME:
        behind = wire.behind(source, at + 1, end)
        if behind < 0:
            return False
        instant[0] = wire.varint(source, at + 1, behind)
        at = behind
    if at < end and source[at] == _START:
        at = wire.behind(source, at + 1, end)
    return at == end
