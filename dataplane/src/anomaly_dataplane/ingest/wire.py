"""Protobuf's wire format: varints, tags, and where a field ends.

A kernel: the readers of the binary protocols are made of it. What it does not take is either broken
or written as no library writes it.
"""

from __future__ import annotations

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 8  # bytes: more would be a time beyond the year 2 000 000, or a negative one
_SMALLEST_TAG = 8  # of field 1
_LARGEST_TAG = 2**32 - 1


def behind(source: bytes, at: int, end: int) -> int:
    """The place behind a varint, -1 if it is cut short or longer than any of ours."""
    for place in range(at, min(at + _LONGEST_VARINT, end)):
        if source[place] < 128:
            return place + 1
    return -1


def varint(source: bytes, at: int, behind: int) -> int:
    """The varint between two places."""
    found = 0
    while behind > at:
        behind -= 1
        found = (found << 7) + (source[behind] & 127)
    return found


def tag(source: bytes, at: int, behind: int) -> int:
    """Number and kind of a field: the varint between two places; -1 if it is no tag."""
    found = varint(source, at, behind)
    return found if _SMALLEST_TAG <= found <= _LARGEST_TAG else -1


def end_of(source: bytes, at: int, end: int, tag: int) -> int:
    """The place behind a field whose tag ends at a place; -1 if it is cut short, or of a group."""
    kind = tag & 7
    if at < 0 or tag < 0:
        return -1
    if kind == _VARINT:
        return behind(source, at, end)
    if kind == _LENGTH:
        start = behind(source, at, end)
        at = start + varint(source, at, start) if start > 0 else -1
    elif kind == _EIGHT_BYTES:
        at += 8
    else:
        at = at + 4 if kind == _FOUR_BYTES else -1
    return at if at <= end else -1
