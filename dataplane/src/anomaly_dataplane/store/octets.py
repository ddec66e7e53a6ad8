"""Bytes as the compiled writer of requests copies them. Interpreted: what they are, unchanged.

Compiled, `octets.pxd` takes the place of these functions and gives bare C pointers, without the
cost of a buffer request each. A pointer lives as long as the buffer keeps its size.
"""

from __future__ import annotations


def taken(buffer: bytearray, size: int) -> bytes:
    """A copy of the first `size` bytes of a buffer."""
    return bytes(memoryview(buffer)[:size])


def fixed(data: bytes) -> bytes:
    """The bytes of a bytes object."""
    return data


def seen(view: memoryview) -> memoryview:
    """The bytes that a memoryview shows."""
    return view


def copy(
    into: bytearray, at: int, source: bytes | bytearray | memoryview, start: int, size: int
) -> int:
    """Copy `size` bytes of `source` from `start` on; returns the place behind them."""
    into[at : at + size] = source[start : start + size]
    return at + size
