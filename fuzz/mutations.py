"""From valid inputs to nearly valid ones: what parsers go wrong on is rarely noise."""

from __future__ import annotations

import random
from collections.abc import Sequence

TOKENS: Sequence[bytes] = (
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"=", b" ", b"\n", b"\r\n", b"#", b"\0"),
    *(b"null", b"true", b"NaN", b"Infinity", b"-", b"1e400", b"1e-400", b"-0", b"0x1", b"1_0"),
    *(b"9223372036854775807", b"-9223372036854775808", b"18446744073709551616", b"9" * 400),
    *(b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\ud800", b"\\u0000", b"\xf0\x9f"),
    *(b"\x80" * 10, b"\xff" * 10, b"\x01", b"\x7f", b"\x00\x00\x00\x00\x00\x00\xf0\x7f"),
    *(b"\x02\x00\x00\x00\x00\x00\xf0\x7f", b"\x00\x00\x00\x00\x00\x00\xf8\x7f", b"i", b"u", b"t"),
    *(
        b'"metric"',
        b'"value"',
        b'"timestamp"',
        b'"labels"',
        b'"device_id"',
        b'"fields"',
        b"[" * 600,
    ),
)
_LARGEST = 60_000


class Mutator:
    """Makes inputs out of seeds; the same for the same random numbers."""

    def __init__(self, seeds: Sequence[bytes], numbers: random.Random) -> None:
        self._seeds = list(seeds)
        self._numbers = numbers

    def input(self) -> bytes:
        """The next input."""
        numbers = self._numbers
        data = bytearray(numbers.choice(self._seeds))
        for _ in range(1 + int(numbers.expovariate(0.6))):
            self._spoil(data)
            if len(data) > _LARGEST:
                del data[_LARGEST:]
        return bytes(data)

    def _spoil(self, data: bytearray) -> None:
        numbers = self._numbers
        kind = int(numbers.random() * 9)
        at = int(numbers.random() * (len(data) + 1))
        end = min(len(data), at + 1 + int(numbers.expovariate(0.1)))
        if kind == 0 and at < len(data):
            data[at] ^= 1 << int(numbers.random() * 8)
        elif kind == 1 and at < len(data):
            data[at] = int(numbers.random() * 256)
        elif kind == 2:
            del data[at:end]
        elif kind == 3:
            data[at:at] = numbers.choice(TOKENS)
        elif kind == 4:
            data[at:end] = numbers.choice(TOKENS)
        elif kind == 5:
            data[at:at] = data[at:end] * (1 + int(numbers.expovariate(0.5)))
        elif kind == 6:
            del data[at:]
        elif kind == 7:
            other = numbers.choice(self._seeds)
            start = int(numbers.random() * (len(other) + 1))
            data[at:end] = other[start : start + 64]
        else:
            data[at:at] = numbers.randbytes(1 + int(numbers.random() * 8))
