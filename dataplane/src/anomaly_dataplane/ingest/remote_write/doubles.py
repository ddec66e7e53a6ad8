"""Floating-point numbers in the middle of bytes.

Compiled, `doubles.pxd` takes the place of this and copies eight bytes.
"""

from __future__ import annotations

import struct

_DOUBLE = struct.Struct("<d")


def read(source: bytes, at: int) -> float:
    """The float64, little-endian, that stands at a place."""
    return float(_DOUBLE.unpack_from(source, at)[0])
