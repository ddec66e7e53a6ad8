"""Reads lines that are written as nearly all are: plain numbers, and a timestamp.

A kernel: `parser.py` calls it for every line, which would else be cut into pieces to be looked at.
"""

from __future__ import annotations

from array import array

from anomaly_dataplane.detectors import pointers
from anomaly_dataplane.ingest.influx.line import BOOLEANS, MAX_STRING_BYTES
from anomaly_dataplane.series import Series
from anomaly_dataplane.store import octets

_SPACE, _QUOTE, _COMMA, _EQUALS, _BACKSLASH = 32, 34, 44, 61, 92
_ZERO, _NINE, _PLUS, _MINUS, _POINT = 48, 57, 43, 45, 46
_BIG_E, _SMALL_E, _I, _U = 69, 101, 105, 117

_NO_NUMBER, _READ, _FOR_FLOAT = 0, 1, 2
_LONGEST_NUMBER = 40
"""Bytes. A float64 needs 24."""
_MOST_DIGITS = 18
_LARGEST_EXACT = 2**53
"""Up to here a whole number is exact as a float64, and so are the powers of ten up to the 22nd. So
one over the other is rounded once, to what `float` makes of the text."""
_LATEST = 922_337_203_685_477_579
"""Ten times this and one digit more still fit into 63 bits."""


def field(line: bytes, stamp: array[int], value: array[float]) -> bytes:
    """Read a line with one field, which is a number.

    Args:
        line: without its end.
        stamp: gets the timestamp (typecode 'q').
        value: gets the number (typecode 'd').

    Returns:
        What stands before the value, without the equals sign. Nothing if the line is none of these;
        of a line with several fields what stands before the last value.
    """
    source, size = octets.fixed(line), len(line)
    space = _last(source, size, _SPACE)
    equals = _last(source, space, _EQUALS)
    time = _whole(source, space + 1, size)
    if equals < 0 or time < 0:
        return b""
    stamp[0] = time
    return line[:equals] if _number(line, equals + 1, space, value) else b""


def fields(
    line: bytes,
    heads: dict[bytes, dict[bytes, Series | None]],
    stamp: array[int],
    value: array[float],
    series: list[Series],
    values: list[float],
) -> int:
    """Read a line all of whose fields are known, and add series and value of those with numbers.

    Args:
        line: without its end.
        heads: by measurement and tags, by name of a field its series; None if it was no number.
        stamp: gets the timestamp (typecode 'q').
        value: is written over (typecode 'd').
        series: is added to.
        values: is added to; as long as `series`.

    Returns:
        How many were added, -1 if the line is none of these.
    """
    source, size, before = octets.fixed(line), len(line), len(series)
    space = _last(source, size, _SPACE)
    at = _next(source, 0, space, _SPACE)
    time = _whole(source, space + 1, size)
    if at >= space or time < 0:
        return -1
    known = heads.get(line[:at])
    if known is None:
        return -1
    while at < space:
        start = at + 1
        at = _next(source, start, space, _EQUALS)
        name = line[start:at]
        if at == space or name not in known:
            break
        found = known[name]
        start = at + 1
        if source[start] == _QUOTE:
            at = _behind_string(source, start + 1, space)
            if found is not None or at < 0 or at - start > MAX_STRING_BYTES:
                break
            continue
        at = _next(source, start, space, _COMMA)
        if found is None:
            if line[start:at] not in BOOLEANS:
                break
        elif _number(line, start, at, value):
            series.append(found)
            values.append(value[0])
        else:
            break
    else:
        stamp[0] = time
        return len(series) - before
    del series[before:], values[before:]
    return -1


def _last(source: bytes, end: int, wanted: int) -> int:
    """The last place of a byte before `end`; -1 if there is none."""
    while end > 0:
        end -= 1
        if source[end] == wanted:
            return end
    return -1


def _next(source: bytes, at: int, end: int, wanted: int) -> int:
    """The next place of a byte from `at` on; `end` if there is none before."""
    while at < end and source[at] != wanted:
        at += 1
    return at


def _behind_string(source: bytes, at: int, end: int) -> int:
    """The place behind a string, at `end` or at a comma; -1 if it does not end there."""
    while at < end and source[at] != _QUOTE:
        at += 2 if source[at] == _BACKSLASH else 1
    at += 1
    return at if at == end or (at < end and source[at] == _COMMA) else -1


def _whole(source: bytes, at: int, end: int) -> int:
    """A whole number of at most 63 bits without a sign; -1 if there is none."""
    found = 0
    if at >= end:
        return -1
    while at < end:
        digit = source[at] - _ZERO
        if digit < 0 or digit > 9 or found > _LATEST:
            return -1
        found = 10 * found + digit
        at += 1
    return found


def _number(text: bytes, at: int, end: int, into: array[float]) -> bool:
    """Put a number into its place; says whether it is one, and finite."""
    source, value = octets.fixed(text), pointers.doubles(into)
    start = at
    if at >= end or end - at > _LONGEST_NUMBER:
        return False
    negative = source[at] == _MINUS
    if negative or source[at] == _PLUS:
        at += 1
    if source[end - 1] == _I or source[end - 1] == _U:
        whole = _whole(source, at, end - 1)
        value[0] = float(-whole if negative else whole)
        return whole >= 0
    kind = _decimal(source, at, end, value)
    if kind == _FOR_FLOAT:
        value[0] = float(text[start:end])
        return value[0] - value[0] == 0.0
    if negative:
        value[0] = -value[0]
    return kind == _READ


def _decimal(source: bytes, at: int, end: int, into: array[float]) -> int:
    """Put a number without a sign into its place if that is simple; returns what it is."""
    point = _behind_digits(source, at, end)
    behind, digits = point, point - at
    if point < end and source[point] == _POINT:
        behind = _behind_digits(source, point + 1, end)
        digits = behind - at - 1
    if digits == 0 or (behind < end and not _exponent(source, behind, end)):
        return _NO_NUMBER
    if behind < end or digits > _MOST_DIGITS:
        return _FOR_FLOAT
    found = 0
    power = 1.0
    for place in range(at, behind):
        if place != point:
            found = 10 * found + source[place] - _ZERO
            if place > point:
                power *= 10.0
    if found > _LARGEST_EXACT:
        return _FOR_FLOAT
    into[0] = found / power
    return _READ


def _behind_digits(source: bytes, at: int, end: int) -> int:
    """The place of the first byte that is no digit."""
    while at < end and _ZERO <= source[at] <= _NINE:
        at += 1
    return at


def _exponent(source: bytes, at: int, end: int) -> bool:
    """Whether all that is left is an exponent."""
    if source[at] != _SMALL_E and source[at] != _BIG_E:
        return False
    at += 1
    if at < end and (source[at] == _PLUS or source[at] == _MINUS):
        at += 1
    return at < end and _behind_digits(source, at, end) == end
