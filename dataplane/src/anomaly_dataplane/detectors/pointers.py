"""Columns and blocks as the kernels index them. Interpreted: what they are.

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


def grow(column: array[T], size: int) -> int:
    """Make a column longer by so many items, to be set at once; returns where they start."""
    first = len(column)
    column.extend(zeros(column, size))
    return first


def block_doubles(slab: memoryview[float]) -> memoryview[float]:
    """The float64 of a slab of blocks.

    Raises:
        TypeError: it is no writable memory of float64.
    """
    if slab.format != "d" or slab.readonly or not slab.c_contiguous:
        raise TypeError(f"a slab is writable float64, not {slab.format!r}")
    return slab


def block_words(slab: memoryview[float]) -> memoryview[int]:
    """The same slab as words of 32 bits."""
    return block_doubles(slab).cast("B").cast("I")


def doubles(column: array[float]) -> array[float]:
    """The items of a column of typecode 'd'.

    Raises:
        TypeError: the column is of another type.
    """
    return _typed(column, "d")


def ints(column: array[int]) -> array[int]:
    """The items of a column of typecode 'i'."""
    return _typed(column, "i")


def longs(column: array[int]) -> array[int]:
    """The items of a column of typecode 'q'."""
    return _typed(column, "q")


def octets(column: bytearray) -> bytearray:
    """The items of a column of bytes."""
    return column


def _typed(column: array[T], typecode: str) -> array[T]:
    if column.typecode != typecode:
        raise TypeError(f"expected a column of typecode {typecode!r}, got {column.typecode!r}")
    return column
