"""Line protocol in all its forms. Each body is parsed twice: new, and with its spellings known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.errors import BatchTooLarge
from anomaly_dataplane.ingest.influx import parser as module
from anomaly_dataplane.ingest.influx.parser import BY_SIZE, NANOSECONDS, InfluxParser, Unit
from anomaly_dataplane.ingest.parsed import Parsed
from anomaly_dataplane.series import SeriesTable

NOW_MS = 1_767_225_600_123.0
NS = 1_767_225_600_000_000_000


def fresh() -> InfluxParser:
    return InfluxParser(SeriesTable(4), 1000)


def parse(
    body: bytes, parser: InfluxParser | None = None, unit: Unit = NANOSECONDS, database: str = ""
) -> Parsed:
    return (parser or fresh()).parse(body, unit=unit, database=database, now_ms=NOW_MS)


def told(parsed: Parsed) -> list[tuple[str, float, float]]:
    batch = parsed.batch
    return [
        (series.name, time, value)
        for series, time, value in zip(batch.series, batch.times, batch.values, strict=True)
    ]


def both(body: bytes) -> list[tuple[str, float, float]]:
    """What a body says, the same whether its spellings are known or not."""
    parser = fresh()
    first, second = parse(body, parser), parse(body, parser)
    assert told(first) == told(second)
    assert first.rejected == second.rejected == []
    return told(second)


READ = {
    "plain": (b"m v=1.5 %d", [("m_v", 1.5)]),
    "tags": (b"m,b=2,a=1 v=1 %d", [('m_v{a="1",b="2"}', 1.0)]),
    "an integer": (b"m v=-12i %d", [("m_v", -12.0)]),
    "an unsigned integer": (b"m v=12u %d", [("m_v", 12.0)]),
    "an exponent": (b"m v=-1.5e+3 %d", [("m_v", -1500.0)]),
    "a point at the end": (b"m v=1. %d", [("m_v", 1.0)]),
    "a point at the start": (b"m v=.5 %d", [("m_v", 0.5)]),
    "several fields": (b"m a=1,b=2i,c=3u %d", [("m_a", 1.0), ("m_b", 2.0), ("m_c", 3.0)]),
    "several fields with a string": (
        b'm a=1,s="x, y=2 \\" z",b=2 %d',
        [("m_a", 1.0), ("m_b", 2.0)],
    ),
    "booleans are passed over": (b"m a=t,b=False,c=TRUE,v=1 %d", [("m_v", 1.0)]),
    "only a string": (b'm s="v=1 2" %d', []),
    "only a boolean": (b"m s=true %d", []),
    "an escaped space": (b"a\\ b,t\\ u=v\\ w f\\ g=1 %d", [('a b_f g{t u="v w"}', 1.0)]),
    "an escaped comma": (b"a\\,b,t\\,u=v\\,w f\\,g=1 %d", [('a,b_f,g{t,u="v,w"}', 1.0)]),
    "an escaped equals sign": (b"a,t\\=u=v\\=w f\\=g=1 %d", [('a_f=g{t=u="v=w"}', 1.0)]),
    "an equals sign in a measurement": (b"a=b v=1 %d", [("a=b_v", 1.0)]),
    "a backslash that is one": (b"m,p=C:\\temp v=1 %d", [('m_v{p="C:\\\\temp"}', 1.0)]),
    "a quote in a tag": (b'm,t=a"b v=1 %d', [('m_v{t="a\\"b"}', 1.0)]),
    "umlauts": ("größe,ö=ü v=1 %d".encode(), [('größe_v{ö="ü"}', 1.0)]),
    "several spaces": (b"  m   v=1   %d  ", [("m_v", 1.0)]),
    "a carriage return": (b"m v=1 %d\r\n", [("m_v", 1.0)]),
    "several lines": (b"m v=1 %d\nm v=2 %d\n", [("m_v", 1.0), ("m_v", 2.0)]),
    "comments and blank lines": (b"# v=1 2\n\n  \n m v=1 %d\n#", [("m_v", 1.0)]),
    "a line break in a string": (b'm s="a\nm v=9 1\n",v=1 %d\nm v=2 %d', [("m_v", 1), ("m_v", 2)]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("text", "expected"), READ.values(), ids=READ.keys())
def test_what_the_format_allows_is_read(text: bytes, expected: list[tuple[str, float]]) -> None:
    """Strings and booleans are no measurements and no errors."""
    body = text.replace(b"%d", b"%d" % NS)
    assert both(body) == [(name, NS / 1e6, value) for name, value in expected]


REJECTED = {
    "no field": (b"m", "there is no field"),
    "tags alone": (b"m,a=1", "there is no field"),
    "no measurement": (b",a=1 v=1", "there is no measurement"),
    "a tag without a value": (b"m,a v=1", "tag 'a' has no value"),
    "a tag with an empty value": (b"m,a= v=1", "tag 'a' has no value; leave it out"),
    "a tag without a name": (b"m,=1 v=1", "a tag has no name"),
    "a bare equals sign in a tag": (b"m,a=1=2 v=1", "tag 'a' has a bare '='"),
    "a tag twice": (b"m,a=1,a=2 v=1", "tag 'a' is there twice"),
    "a field without a value": (b"m v= 5", "field 'v' has no value"),
    "a field without a name": (b"m =1 5", "a field has no name"),
    "a field alone": (b"m v 5", "field 'v' has no value"),
    "a comma at the end": (b"m v=1, 5", "a field has no name"),
    "text": (b"m v=x 5", "field 'v' is 'x', which is no number"),
    "NaN": (b"m v=NaN 5", "line protocol has only finite numbers"),
    "infinity": (b"m v=-Inf 5", "line protocol has only finite numbers"),
    "beyond float64": (b"m v=1e999 5", "no number"),
    "an underscore": (b"m v=1_0 5", "no number"),
    "a fraction with i": (b"m v=1.5i 5", "no number"),
    "hexadecimal": (b"m v=0x10 5", "no number"),
    "an integer of many digits": (b"m v=" + b"9" * 50 + b"i 5", "no number"),
    "a string that does not end": (b'm s="abc 5', "the string of field 's' does not end"),
    "text behind a string": (b'm s="a"b 5', "text behind the string of field 's'"),
    "a timestamp that is text": (b"m v=1 now", "timestamp 'now' is no whole number"),
    "a timestamp with a fraction": (b"m v=1 1.5", "timestamp '1.5' is no whole number"),
    "a timestamp before 1970": (b"m v=1 -5", "timestamp -5 is before 1970"),
    "a timestamp of many digits": (b"m v=1 " + b"1" * 40, "is no whole number"),
    "no text": (b"m\xff v=1 5", "not UTF-8 at byte 1"),
    "too many tags": (
        b"m," + b",".join(b"t%d=1" % i for i in range(40)) + b" v=1 5",
        "more than 32 tags",
    ),
    "a long name": (b"m" * 300 + b" v=1 5", "metric has 302 characters"),
}


@pytest.mark.parametrize(("line", "reason"), REJECTED.values(), ids=REJECTED.keys())
def test_a_broken_line_is_named_and_the_others_are_kept(line: bytes, reason: str) -> None:
    """With its number, also where its start was good before."""
    good = b"m v=1 %d\nm,a=1 v=1,w=2 %d\n" % (NS, NS)
    parser = fresh()
    for _ in range(2):
        parsed = parse(good + line + b"\n" + good, parser)
        assert len(parsed.batch) == 6
        (rejection,) = parsed.rejected
        assert reason in rejection.reason
        assert (rejection.index, rejection.line) == (3, 3)
        assert len(rejection.reason) < 200


def test_a_string_without_end_swallows_nothing_behind_it() -> None:
    """However many there are, and in bounded time."""
    lines = [b'a s="x', b"m v=1 %d" % NS, b'b s="\\"y', b"m v=2 %d" % NS] * 200
    parsed = parse(b"\n".join(lines))
    assert [rejection.line for rejection in parsed.rejected][:3] == [1, 3, 5]
    assert len(parsed.rejected) == 400
    assert len(parsed.batch) == 400


@pytest.mark.parametrize(
    ("unit", "stamp"),
    [
        (NANOSECONDS, "1767225600123456789"),
        (module.MICROSECONDS, "1767225600123457"),
        (BY_SIZE, "1767225600123456789"),
        (BY_SIZE, "1767225600123457"),
    ],
)
def test_one_instant_in_any_unit_is_one_time(unit: Unit, stamp: str) -> None:
    """To the microsecond, so that sending again in another unit is still a repeat."""
    parser = fresh()
    for _ in range(2):
        assert parse(f"m v=1 {stamp}".encode(), parser, unit).batch.times == [1767225600123.457]


@pytest.mark.parametrize(
    ("unit", "stamp"),
    [
        (module.MILLISECONDS, 1767225600000),
        (module.SECONDS, 1767225600),
        (module.MINUTES, 29453760),
        (module.HOURS, 490896),
        (BY_SIZE, 1767225600000),
        (BY_SIZE, 1767225600),
    ],
)
def test_coarse_units(unit: Unit, stamp: int) -> None:
    """As they are asked for by `precision`."""
    parser = fresh()
    for _ in range(2):
        assert parse(b"m v=1 %d" % stamp, parser, unit).batch.times == [NS / 1e6]


def test_lines_without_timestamp_get_the_time_of_receipt() -> None:
    """Each its own, since they are several samples; the fields of one line share it."""
    times = parse(b"m a=1,b=2\nm a=1,b=2").batch.times
    assert times == [NOW_MS, NOW_MS, NOW_MS + 0.001, NOW_MS + 0.001]


def test_the_database_is_a_label_unless_a_tag_says_otherwise() -> None:
    """Lines to two databases are two series."""
    parser = fresh()
    for database in ("a", "b", "a"):
        (series,) = parse(b"m v=1", parser, database=database).batch.series
        assert series.labels == {"db": database}
    (series,) = parse(b"m,db=x v=1", parser, database="a").batch.series
    assert series.labels == {"db": "x"}


def test_a_field_that_changes_its_type_is_read_as_what_it_is() -> None:
    """What was remembered of it does not matter."""
    parser = fresh()
    for text, count in ((b'"x"', 1), (b"2", 2), (b"t", 1), (b"3i", 2), (b'"y"', 1)):
        assert len(parse(b"m a=1,b=%b 5" % text, parser).batch) == count


def test_the_line_of_every_sample_is_known() -> None:
    """Admission names lines too, long after they were parsed."""
    parsed = parse(b'm a=1,b=2 5\n\nx\nm s="\n" 5\nm a=3 6\n')
    assert [parsed.line(position) for position in parsed.positions()] == [1, 1, 6]


def test_too_many_samples_are_refused() -> None:
    """In fields and in lines, blank ones included."""
    for body in (b"m v=1\n" * 1001, b"m " + b",".join(b"f%d=1" % i for i in range(1001))):
        with pytest.raises(BatchTooLarge):
            parse(body)
    with pytest.raises(BatchTooLarge):
        parse(b"\n" * 5000)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that invents names costs time, not memory; what it sends is read all the same."""
    monkeypatch.setattr(module, "MAX_BYTES", 2000)
    parser = fresh()
    for i in range(100):
        body = b"m%d v=1 5\nm%d a=1,b=2 5\n" % (i, i)
        assert len(parse(body, parser, database=f"d{i % 70}").batch) == 3
        known = parser._known.values()
        assert sum(len(k.single) + len(k.heads) for k in known) < 20


names = st.text(st.characters(exclude_characters="\n\r\0", codec="utf-8"), min_size=1, max_size=8)
clean = names.filter(
    lambda text: not text.endswith("\\") and "\\" not in text and not text.startswith(("#", " "))
)


def escaped(text: str, characters: str) -> str:
    return "".join("\\" + c if c in characters else c for c in text)


@given(
    st.lists(
        st.tuples(
            clean,
            st.dictionaries(clean, clean, max_size=3),
            st.dictionaries(
                clean, st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=3
            ),
            st.integers(0, 2**62),
        ),
        max_size=5,
    )
)
def test_what_an_encoder_writes_is_read_back(
    points: list[tuple[str, dict[str, str], dict[str, float], int]],
) -> None:
    """Any names, any numbers; twice with one parser, once line by line."""
    lines = []
    expected = []
    for measurement, tags, fields, stamp in points:
        text = escaped(measurement, ", ")
        text += "".join(f",{escaped(k, ', =')}={escaped(v, ', =')}" for k, v in tags.items())
        text += " " + ",".join(f"{escaped(k, ', =')}={v!r}" for k, v in fields.items())
        lines.append(f"{text} {stamp}")
        expected += [
            (f"{measurement}_{k}", dict(sorted(tags.items())), (stamp / 1e3 + 0.5) // 1.0 / 1e3, v)
            for k, v in fields.items()
        ]
    body = "\n".join(lines).encode()
    parser = fresh()
    for _ in range(2):
        batch = parse(body, parser).batch
        read = [
            (s.metric, s.labels, t, v)
            for s, t, v in zip(batch.series, batch.times, batch.values, strict=True)
        ]
        assert read == expected


@given(
    st.lists(
        st.sampled_from([b"m", b",", b"=", b" ", b'"', b"\\", b"\n", b"1", b"v", b"t", b"\t", b"i"])
    )
)
def test_known_spellings_change_nothing(pieces: list[bytes]) -> None:
    """Whatever a body is made of, and whatever was sent before."""
    body = b"".join(pieces)
    parser = fresh()
    parse(b'm v=1 1\nm,t=1 v=1,m="" 1\nm v=1,t=1 1', parser)
    for _ in range(2):
        warm, cold = parse(body, parser), parse(body)
        assert told(warm) == told(cold)
        assert warm.rejected == cold.rejected
        assert warm.line_starts == cold.line_starts
