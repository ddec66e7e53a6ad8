"""Numbers of eight bytes, little-endian, in the middle of bytes.

Compiled, `eight_bytes.pxd` takes the place of this and copies them.
"""

from __future__ import annotations

import struct

_DOUBLE = struct.Struct("<d")


def real(source: bytes, at: int) -> float:
    """The float64 that stands at a place."""
    return float(_DOUBLE.unpack_from(source, at)[0])


def whole(source: bytes, at: int) -> int:
    """The signed 64-bit integer that stands at a place."""
    return int.from_bytes(source[at : at + 8], "little", signed=True)
