"""Protobuf written by hand from the published schemas, as an encoder that shares nothing with ours.

It also writes what no library would: fields out of order, fields that nobody knows, cut lengths.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

Labels = dict[str, str]
Point = tuple[int, float]
"""Time in milliseconds, value."""

STALE_NAN = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    """A field of any integer type but fixed ones."""
    return varint(field << 3) + varint(value)


def eight(field: int, value: float | int) -> bytes:
    """A double, or a fixed64 if it is an int."""
    kind = "<d" if isinstance(value, float) else "<q" if value < 0 else "<Q"
    return varint(field << 3 | 1) + struct.pack(kind, value)


def part(field: int, content: bytes | str) -> bytes:
    """A message, bytes or text."""
    data = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(data)) + data


UNKNOWN = part(99, b"from the future") + number(98, 5) + eight(97, 1.0) + b"\x85\x06abcd"
"""Fields of every kind that no schema has."""


def sample(point: Point, field: int = 2) -> bytes:
    """A sample of remote write, as Go writes it: what is zero is left out."""
    time, value = point
    is_zero = struct.pack("<d", value) == bytes(8)
    content = b"" if is_zero else eight(1, float(value))
    return part(field, content + (number(2, time) if time else b""))


def label(name: str, value: str) -> bytes:
    return part(1, (part(1, name) if name else b"") + (part(2, value) if value else b""))


def series_v1(labels: Iterable[tuple[str, str]], *points: Point, more: bytes = b"") -> bytes:
    """A prometheus.TimeSeries."""
    return b"".join([*(label(*pair) for pair in labels), *map(sample, points), more])


def request_v1(*series: bytes) -> bytes:
    """A prometheus.WriteRequest."""
    return b"".join(part(1, each) for each in series)


class RequestV2:
    """An io.prometheus.write.v2.Request in the making, with its table of symbols."""

    def __init__(self) -> None:
        self.symbols: dict[str, int] = {"": 0}
        self.series: list[bytes] = []

    def reference(self, symbol: str) -> int:
        return self.symbols.setdefault(symbol, len(self.symbols))

    def references(self, labels: Iterable[tuple[str, str]]) -> bytes:
        texts = (text for pair in labels for text in pair)
        return part(1, b"".join(varint(self.reference(text)) for text in texts))

    def add(
        self,
        labels: Iterable[tuple[str, str]],
        *points: Point,
        kind: int | None = 0,
        help_text: str = "",
        more: bytes = b"",
    ) -> RequestV2:
        """Add a series; `kind` None leaves the metadata out."""
        content = self.references(labels) + b"".join(map(sample, points)) + more
        if kind is not None:
            metadata = number(1, kind) if kind else b""
            if help_text:
                metadata += number(3, self.reference(help_text))
            content += part(5, metadata)
        self.series.append(content)
        return self

    def encode(self) -> bytes:
        return b"".join(
            [*(part(4, symbol) for symbol in self.symbols), *(part(5, s) for s in self.series)]
        )
