"""What InfluxDB's own client library writes is read back: an encoder that is not ours."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from influxdb_client import Point, WritePrecision

from anomaly_dataplane.ingest.influx import parser as units
from anomaly_dataplane.ingest.influx.parser import InfluxParser, Unit
from anomaly_dataplane.series import SeriesTable

PRECISIONS = {
    WritePrecision.NS: (units.NANOSECONDS, 10**9),
    WritePrecision.US: (units.MICROSECONDS, 10**6),
    WritePrecision.MS: (units.MILLISECONDS, 1000),
    WritePrecision.S: (units.SECONDS, 1),
}
# The library writes no name with a backslash so that it could be read, and takes `#` for a comment.
names = st.text(
    st.characters(codec="utf-8", exclude_characters="\\\0"), min_size=1, max_size=8
).filter(lambda text: not text.startswith("#"))
numbers = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63 - 1)
    | st.decimals(-(10**15), 10**15, places=6)
)
others = st.booleans() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def written(text: str) -> str:
    """A name as the library has it: line breaks and tabs become two characters."""
    return text.translate({10: r"\n", 9: r"\t", 13: r"\r"})


def a_point(
    name: str, tags: dict[str, str], fields: dict[str, object], unsigned: bool = False
) -> Point:
    kinds = {key: "uint" for key, value in fields.items() if unsigned and is_whole(value)}
    return Point.from_dict({"measurement": name, "tags": tags, "fields": fields}, field_types=kinds)


def is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


@given(
    points=st.lists(
        st.tuples(
            names,
            st.dictionaries(names, names, max_size=4),
            st.dictionaries(names, numbers | others, min_size=1, max_size=5),
            st.booleans(),
        ),
        min_size=1,
        max_size=4,
    ),
    precision=st.sampled_from(list(PRECISIONS)),
    second=st.integers(1, 4_000_000_000),
)
@example(
    points=[
        (
            "wei rd,name=x",
            {"t=a g": "v,a l", "größe": "ü", 'q"': '"', "path": "a/b"},
            {"f=o,o x": 1.5, "n": -3, "u": 2**63 - 1, "b": True, "s": 'a "b", c=1\nm v=9 1'},
            True,
        )
    ],
    precision=WritePrecision.NS,
    second=1_767_225_600,
)
def test_what_the_library_writes_is_read_back(
    points: list[tuple[str, dict[str, str], dict[str, object], bool]],
    precision: WritePrecision,
    second: int,
) -> None:
    """Every escape, every type of field, every precision; new, and with spellings known."""
    unit, per_second = PRECISIONS[precision]
    lines, expected = [], []
    for at, (name, tags, fields, unsigned) in enumerate(points, second):
        point = a_point(name, tags, fields, unsigned).time(at * per_second, precision)
        lines.append(point.to_line_protocol())
        labels = {written(key): written(value) for key, value in tags.items()}
        expected += [
            (f"{written(name)}_{written(key)}", labels, at * 1000.0, float(value))
            for key, value in sorted(fields.items())
            if isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        ]
    body = "\n".join(lines).encode()
    parser = InfluxParser(SeriesTable(4), 1000)
    for _ in range(2):
        assert read(parser, body, unit) == expected


def read(
    parser: InfluxParser, body: bytes, unit: Unit
) -> list[tuple[str, dict[str, str], float, float]]:
    parsed = parser.parse(body, unit=unit, database="", now_ms=0.0)
    assert parsed.rejected == []
    batch = parsed.batch
    columns = zip(batch.series, batch.times, batch.values, strict=True)
    return [(series.metric, series.labels, time, value) for series, time, value in columns]


@pytest.mark.parametrize("value", ["C:\\temp", "a\\b"])
def test_a_backslash_before_a_letter_is_one(value: str) -> None:
    """The only one that the library writes so that it means itself."""
    line = Point("m").tag("path", value).field("v", 1).time(5, WritePrecision.S).to_line_protocol()
    found = read(InfluxParser(SeriesTable(4), 10), line.encode(), units.SECONDS)
    assert found == [("m_v", {"path": value}, 5000.0, 1.0)]
