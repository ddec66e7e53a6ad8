"""Columns and blocks as the kernels index them. Interpreted: what they are, unchanged.

Compiled, `pointers.pxd` takes the place of these functions and gives bare C pointers, without the
cost of a buffer request each. A pointer lives as long as the buffer keeps its size.
"""

from __future__ import annotations

from array import array
from typing import TypeVar

T = TypeVar("T", int, float)


def zeros(like: array[T], size: int) -> array[T]:
    """A new column of the type of another one, which may be empty."""
    return array(like.typecode, bytes(like.itemsize * size))


def block_doubles(slab: memoryview[float]) -> memoryview[float]:
    """The float64 of a slab of blocks."""
    return slab


def doubles(column: array[float]) -> array[float]:
    """The items of a column of typecode 'd'."""
    return column


def ints(column: array[int]) -> array[int]:
    """The items of a column of typecode 'i'."""
    return column


def longs(column: array[int]) -> array[int]:
    """The items of a column of typecode 'q'."""
    return column


def octets(column: bytearray) -> bytearray:
    """The items of a column of bytes."""
    return column
