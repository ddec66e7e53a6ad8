"""Bounds what decoding a protobuf message may cost: decoded, its parts take many times their bytes.

The parsers of protobuf protocols call it at every level before they have a message decoded.
"""

from __future__ import annotations

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.parsed import too_many

_SMALL_BYTES = 1 << 20
"""A message of this size may have a part every second byte and costs no more than 12 MiB."""

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10


def check_parts(message: bytes, max_parts: int, levels: int = 1) -> None:
    """Refuse a large message that has far too many fields, before it is decoded.

    Args:
        message: that is to be decoded.
        max_parts: of it, and of each large message in it.
        levels: to look into. With 2 the fields of its fields are counted, too: what is decoded
            with it.

    Raises:
        BadPayload: it has more than `max_parts`, or is cut short.
    """
    _check(message, 0, len(message), max_parts, levels)


def _check(message: bytes, start: int, end: int, max_parts: int, levels: int) -> None:
    if end - start <= _SMALL_BYTES:
        return
    position = start
    for _ in range(max_parts):
        if position >= end:
            break
        content, position = _skip(message, position)
        if levels > 1:
            _check(message, content, min(position, end), max_parts, levels - 1)
    else:
        raise too_many(max_parts)
    if position > end:
        raise BadPayload("the protobuf message is cut short")


def _skip(message: bytes, position: int) -> tuple[int, int]:
    """Where the content of the field that starts at a place begins, and where it ends."""
    tag, position = _varint(message, position)
    kind = tag & 7
    if kind == _LENGTH:
        length, position = _varint(message, position)
        return position, position + length
    if kind == _VARINT:
        return position, _varint(message, position)[1]
    if kind == _EIGHT_BYTES:
        return position, position + 8
    if kind == _FOUR_BYTES:
        return position, position + 4
    raise BadPayload(f"the body is no such protobuf message: a field of kind {kind}")


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """An integer of variable length, and the place behind it."""
    value = 0
    for i, byte in enumerate(message[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, position + i + 1
    raise BadPayload("the protobuf message is cut short, or holds an integer that is too long")
