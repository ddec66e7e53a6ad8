"""Takes metrics and points apart: into what is new each time, and what stays the same.

A kernel: `binary.py` calls it, and looks up what stays the same. What the functions give nothing
for is broken, or says something rare; libprotobuf's reader then tells what.
"""

from __future__ import annotations

from array import array

from anomaly_dataplane.detectors import pointers
from anomaly_dataplane.ingest import eight_bytes, wire
from anomaly_dataplane.store import octets

_GAUGE, _SUM, _HISTOGRAM, _EXPONENTIAL, _SUMMARY = 0x2A, 0x3A, 0x4A, 0x52, 0x5A  # in a metric
_POINT = 0x0A  # in a gauge and its like
_TIME = 0x19  # in either kind of point
_DOUBLE, _INT, _ATTRIBUTE, _FLAGS = 0x21, 0x31, 0x3A, 0x40  # in a point of a gauge or sum
_COUNT, _TOTAL, _ATTRIBUTE_H, _FLAGS_H = 0x21, 0x29, 0x4A, 0x50  # in a point of a histogram


def metric(message: bytes, points: list[bytes], most: int) -> bytes | None:
    """All of a metric but its points, which are added to `points`.

    What is said beside the gauge (or sum, or other kind) stands first, then a zero, which is no
    field, then the kind and what it says beside its points. So no two metrics have this in common.

    Returns:
        None if there are more points than `most`, not exactly one kind, or a field that is broken.
    """
    source, size = octets.fixed(message), len(message)
    room = bytearray(size + 2)
    into = pointers.octets(room)
    at = written = kind = inner = end = 0
    while at < size:
        start, content = at, wire.behind(source, at, size)
        tag = wire.tag(source, at, content)
        at = wire.end_of(source, content, size, tag)
        if at < 0:
            return None
        if not _is_kind(tag):
            written = octets.copy(into, written, source, start, at - start)
        elif kind:
            return None
        else:
            kind, inner, end = tag, wire.behind(source, content, size), at
    if not kind:
        return None
    into[written] = 0
    into[written + 1] = kind
    written += 2
    while inner < end:
        start, content = inner, wire.behind(source, inner, end)
        tag = wire.tag(source, inner, content)
        inner = wire.end_of(source, content, end, tag)
        if inner < 0 or len(points) > most:
            return None
        if tag == _POINT:
            points.append(message[wire.behind(source, content, end) : inner])
        else:
            written = octets.copy(into, written, source, start, inner - start)
    return octets.taken(room, written)


def number(point: bytes, time: array[int], figures: array[float]) -> bytes | None:
    """The attributes of a point of a gauge or sum, as they are spelled.

    Args:
        point: its message.
        time: gets the time in nanoseconds (typecode 'q').
        figures: gets the value; three places (typecode 'd').

    Returns:
        None if it has no value or has flags, its attributes are scattered, or a field is broken.
    """
    found = _taken_apart(point, time, figures, _ATTRIBUTE, _FLAGS)
    return found if pointers.doubles(figures)[2] else None


def histogram(point: bytes, time: array[int], figures: array[float]) -> bytes | None:
    """The attributes of a point of a histogram, as they are spelled.

    Args:
        point: its message.
        time: gets the time in nanoseconds (typecode 'q').
        figures: gets the count, the sum, and 1 if there is a sum, else 0 (typecode 'd').

    Returns:
        None if it has flags, its attributes are scattered, or a field is broken.
    """
    found = _taken_apart(point, time, figures, _ATTRIBUTE_H, _FLAGS_H)
    # A count is unsigned: this one has all of its 64 bits.
    return found if pointers.doubles(figures)[0] >= 0.0 else None


def _taken_apart(
    point: bytes, time: array[int], figures: array[float], attribute: int, flags: int
) -> bytes | None:
    """The attributes of either kind of point, whose tags for them and for flags are given.

    `figures` gets the value or count, the sum, and 1 if there is a value or sum, else 0.
    """
    source, size = octets.fixed(point), len(point)
    when, into = pointers.longs(time), pointers.doubles(figures)
    when[0] = at = first = last = 0
    into[0] = into[1] = into[2] = 0.0
    counts = attribute == _ATTRIBUTE_H
    while at < size:
        start, content = at, wire.behind(source, at, size)
        tag = wire.tag(source, at, content)
        at = wire.end_of(source, content, size, tag)
        if at < 0:
            return None
        if tag == _TIME:
            when[0] = eight_bytes.whole(source, content)
        elif tag == attribute:
            if last and last != start:
                return None
            first = first if last else start
            last = at
        elif tag == flags:
            if wire.varint(source, content, at):
                return None
        elif counts:
            _of_histogram(source, content, tag, into)
        else:
            _of_number(source, content, tag, into)
    return point[first:last]


def _of_number(source: bytes, at: int, tag: int, figures: array[float]) -> None:
    if tag == _DOUBLE:
        figures[0], figures[2] = eight_bytes.real(source, at), 1.0
    elif tag == _INT:
        figures[0], figures[2] = float(eight_bytes.whole(source, at)), 1.0


def _of_histogram(source: bytes, at: int, tag: int, figures: array[float]) -> None:
    if tag == _COUNT:
        figures[0] = float(eight_bytes.whole(source, at))
    elif tag == _TOTAL:
        figures[1], figures[2] = eight_bytes.real(source, at), 1.0


def _is_kind(tag: int) -> bool:
    return tag in (_GAUGE, _SUM, _HISTOGRAM, _EXPONENTIAL, _SUMMARY)
