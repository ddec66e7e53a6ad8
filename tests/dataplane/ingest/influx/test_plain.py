"""Plain lines: numbers are what `float` makes of them to the last bit, and nothing else is read."""

from __future__ import annotations

import math
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.ingest.influx.line import read_line
from anomaly_dataplane.ingest.influx.plain import field, fields
from anomaly_dataplane.ingest.parsed import BadSample
from anomaly_dataplane.series import Series

DIGITS = st.text("0123456789", max_size=25)
NUMBERS = (
    st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.builds(
        lambda sign, whole, fraction, exponent: f"{sign}{whole}{fraction}{exponent}",
        st.sampled_from(["", "-", "+"]),
        DIGITS,
        st.just("") | DIGITS.map(lambda digits: f".{digits}"),
        st.just("") | st.integers(-400, 400).map(lambda power: f"e{power}"),
    )
    | st.integers(-(10**21), 10**21).map(lambda number: f"{number}i")
    | st.text("0123456789.eE+-iu_ntx", max_size=8)
)
A = Series("m_a", {}, 1)
B = Series("m_b", {}, 1)
HEADS: dict[bytes, dict[bytes, Series | None]] = {b"m": {b"a": A, b"b": B, b"s": None}}


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def alone(line: bytes) -> tuple[bytes, int, float] | None:
    stamp, value = array("q", [-1]), array("d", [math.nan])
    key = field(line, stamp, value)
    return (key, stamp[0], value[0]) if key else None


def together(line: bytes) -> tuple[int, list[Series], list[float]]:
    series: list[Series] = [A]
    values = [0.5]
    count = fields(line, HEADS, array("q", [0]), array("d", [0.0]), series, values)
    assert (series.pop(0), values.pop(0)) == (A, 0.5)
    assert len(series) == len(values) == max(count, 0)
    return count, series, values


@given(NUMBERS)
def test_a_number_is_what_the_slow_way_makes_of_it(text: str) -> None:
    """Or is left to it: what is no number, and the rarest of those that are."""
    line = b"m a=%b 5" % text.encode()
    quick = alone(line)
    count, _, values = together(line)
    try:
        slow = read_line(line, 100)
        assert slow is not None
        wanted = [value for _, _, value in slow.fields]
    except BadSample:
        wanted = []
    if quick is not None:
        key, stamp, value = quick
        assert (key, stamp, bits(value)) == (b"m a", 5, bits(wanted[0]))
        assert (count, bits(values[0])) == (1, bits(wanted[0]))
    else:
        assert count == -1


@pytest.mark.parametrize("text", ["1", "-0", "20.148", "0.1234567890123456", "1e22", "-12i", "7u"])
def test_what_senders_write_is_read(text: str) -> None:
    assert alone(f"m a={text} 1767225600000000000".encode()) == (
        b"m a",
        1_767_225_600_000_000_000,
        float(text.rstrip("iu")),
    )


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"m", b"a=1", b"m a=1", b"m 5", b"m a= 5", b"m a=- 5", b"m a=i 5", b'm a="1" 5'),
        *(b"m a=1 ", b"m a=1 x", b"m a=1 -5", b"m a=1 5\t", b"m a=1 %d" % 2**63),
        *(b"m a=1e999 5", b"m a=inf 5", b"m a=1e 5", b"m a=1.5i 5", b"m a=1_0 5", b"m a=. 5"),
    ],
)
def test_all_else_is_left_alone(line: bytes) -> None:
    """Neither read nor half read."""
    assert alone(line) is None
    assert together(line)[0] == -1


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"m a=1,b=2 5", [(A, 1.0), (B, 2.0)]),
        (b'm s="x, a=2 \\" z",b=2 5', [(B, 2.0)]),
        (b"m s=true 5", []),
    ],
)
def test_known_fields_are_read(line: bytes, found: list[tuple[Series, float]]) -> None:
    """Strings and truth values are passed over where there was no number before."""
    count, series, values = together(line)
    assert count == len(found)
    assert list(zip(series, values, strict=True)) == found


@pytest.mark.parametrize(
    "line",
    [
        b"n a=1 5",
        b"m a=1,c=2 5",
        b"m a=1, 5",
        b"m a=1,,b=2 5",
        b"m a=1,s=2 5",
        b"m a=1,b=t 5",
        b'm a=1,b="x" 5',
        b'm a=1,s="x 5',
        b'm a=1,s="x"y 5',
        b'm a=1,s="' + b"x" * 70_000 + b'" 5',
    ],
)
def test_of_a_line_with_a_surprise_nothing_is_kept(line: bytes) -> None:
    """Also of what was good before it."""
    assert together(line) == (-1, [], [])
