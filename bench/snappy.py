"""Snappy blocks, as Prometheus sends them: a greedy compressor, short rather than fast."""

from __future__ import annotations

_SHORTEST = 8
_LONGEST = 64
_FAREST = 65_535


def compress(content: bytes) -> bytes:
    """A block of literals and copies."""
    out = bytearray(_length(len(content)))
    seen: dict[bytes, int] = {}
    at = start = 0
    while at < len(content):
        key = content[at : at + _SHORTEST]
        before = seen.get(key, -1)
        seen[key] = at
        if before < 0 or at - before > _FAREST or len(key) < _SHORTEST:
            at += 1
            continue
        size = _SHORTEST
        while size < _LONGEST and at + size < len(content):
            if content[before + size] != content[at + size]:
                break
            size += 1
        _literal(out, content[start:at])
        out += bytes([(size - 1) << 2 | 2]) + (at - before).to_bytes(2, "little")
        at += size
        start = at
    _literal(out, content[start:])
    return bytes(out)


def _literal(out: bytearray, text: bytes) -> None:
    if not text:
        return
    if len(text) <= 60:
        out.append((len(text) - 1) << 2)
    else:
        out.append(62 << 2)
        out += (len(text) - 1).to_bytes(3, "little")
    out += text


def _length(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
