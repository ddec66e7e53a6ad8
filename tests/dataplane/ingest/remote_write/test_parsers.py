"""Both versions of remote write: what an independent encoder wrote is what comes out."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.errors import BadPayload, BatchTooLarge
from anomaly_dataplane.ingest.parsed import Cause, Parsed
from anomaly_dataplane.ingest.remote_write.v1 import ParserV1
from anomaly_dataplane.ingest.remote_write.v2 import ParserV2
from anomaly_dataplane.series import SeriesTable
from protobuf_writer import (
    STALE_NAN,
    UNKNOWN,
    Point,
    RequestV2,
    eight,
    label,
    number,
    part,
    request_v1,
    sample,
    series_v1,
    varint,
)

NOW = 1_767_225_600_000
MAX_SAMPLES = 1000

Pairs = list[tuple[str, str]]
Content = list[tuple[Pairs, list[Point]]]


class Parser(Protocol):
    def parse(self, body: bytes) -> Parsed: ...


def encode_v1(content: Content) -> bytes:
    return request_v1(*(series_v1(labels, *points) for labels, points in content))


def encode_v2(content: Content) -> bytes:
    request = RequestV2()
    for i, (labels, points) in enumerate(content):
        request.add(labels, *points, kind=(None, 0, 2)[i % 3], help_text="help" * (i % 2))
    return request.encode()


VERSIONS = [
    pytest.param(ParserV1, encode_v1, id="v1"),
    pytest.param(ParserV2, encode_v2, id="v2"),
]
versions = pytest.mark.parametrize(("make", "encode"), VERSIONS)
Make = Callable[[SeriesTable, int], Parser]
Encode = Callable[[Content], bytes]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
POINTS = st.tuples(
    st.integers(0, 2**43) | st.integers(NOW, NOW + 10), st.floats(width=64) | st.just(0.0)
)
NAMES = TEXT.filter(lambda text: text != "__name__")  # which it does come upon
LABELS = st.dictionaries(NAMES, TEXT, max_size=4).map(
    lambda labels: [("__name__", "m"), *sorted(labels.items())]
)
CONTENT = st.lists(st.tuples(LABELS, st.lists(POINTS, max_size=3)), max_size=6)


def expected(content: Content) -> list[tuple[dict[str, str], float, float]]:
    return [
        (dict(labels), float(time), value)
        for labels, points in content
        for time, value in points
        if math.isfinite(value)
    ]


def found(parsed: Parsed) -> list[tuple[dict[str, str], float, float]]:
    batch = parsed.batch
    columns = zip(batch.series, batch.times, batch.values, strict=True)
    return [({"__name__": s.metric, **s.labels}, time, value) for s, time, value in columns]


def parse(parser: Parser, body: bytes) -> Parsed:
    """What a parser makes of a body that it has not seen, and of the same again."""
    first = parser.parse(body)
    again = parser.parse(body)
    assert found(again) == found(first)
    assert again.rejected == first.rejected
    assert all(s is t for s, t in zip(again.batch.series, first.batch.series, strict=True))
    assert (again.closed, again.valueless) == (first.closed, first.valueless)
    return first


@versions
@given(content=CONTENT)
def test_what_was_written_is_read(make: Make, encode: Encode, content: Content) -> None:
    """Every label, time and value; the second time, too, when the series are known."""
    parsed = parse(make(SeriesTable(4), MAX_SAMPLES), encode(content))
    assert not parsed.rejected
    assert found(parsed) == expected(content)
    points = sum(len(points) for _, points in content)
    assert len(parsed.batch) + len(parsed.closed) + parsed.valueless == points


@versions
@given(contents=st.lists(CONTENT, min_size=2, max_size=5))
def test_what_was_learnt_of_one_request_never_spoils_another(
    make: Make, encode: Encode, contents: list[Content]
) -> None:
    """One parser reads them all as a new one reads each."""
    parser = make(SeriesTable(4), MAX_SAMPLES)
    for content in contents:
        assert found(parse(parser, encode(content))) == expected(content)


@versions
@given(body=st.binary(max_size=300))
def test_nothing_but_a_bad_payload_is_ever_raised(make: Make, encode: Encode, body: bytes) -> None:
    """Arbitrary bytes are samples, rejections or a BadPayload."""
    try:
        parsed = make(SeriesTable(4), MAX_SAMPLES).parse(body)
    except BadPayload:
        return
    assert all(map(math.isfinite, parsed.batch.values + parsed.batch.times))


@versions
@given(content=CONTENT, data=st.data())
def test_a_damaged_request_raises_nothing_else_either(
    make: Make, encode: Encode, content: Content, data: st.DataObject
) -> None:
    """Bytes changed, lost or added in a body whose series are known."""
    body = bytearray(encode(content))
    parser = make(SeriesTable(4), MAX_SAMPLES)
    parser.parse(bytes(body))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body)))
        body[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    outcomes: list[object] = []
    for each in (parser, make(SeriesTable(4), MAX_SAMPLES)):
        try:
            parsed = each.parse(bytes(body))
            outcomes.append((found(parsed), parsed.valueless, len(parsed.closed)))
        except BadPayload as bad:
            outcomes.append(str(bad))
    assert outcomes[0] == outcomes[1]


@versions
def test_a_stale_marker_closes_its_series(make: Make, encode: Encode) -> None:
    """It is no value. Any other NaN, and infinity, says that there is none at the time."""
    labels = [("__name__", "m"), ("a", "b")]
    points = [(NOW, 1.0), (NOW + 1, STALE_NAN), (NOW + 2, math.nan), (NOW + 3, -math.inf)]
    parser = make(SeriesTable(4), MAX_SAMPLES)
    for body in (encode([(labels, points)]), encode([(labels, [point]) for point in points])):
        parsed = parse(parser, body)
        assert parsed.batch.values == [1.0]
        assert parsed.closed == [(parsed.batch.series[0], NOW + 1.0)]
        assert parsed.valueless == 2
        assert not parsed.rejected


@versions
def test_values_of_either_zero_are_read(make: Make, encode: Encode) -> None:
    """Protobuf leaves zero out, but not the negative one."""
    content: Content = [
        ([("__name__", f"m{i}")], [(NOW, value)]) for i, value in enumerate((0.0, -0.0))
    ]
    values = parse(make(SeriesTable(4), MAX_SAMPLES), encode(content)).batch.values
    assert [struct.pack("<d", value) for value in values] == [bytes(8), bytes(7) + b"\x80"]


@versions
@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([("a", "b")], "__name__ is missing"),
        ([("__name__", "")], "__name__ is missing"),
        ([], "__name__ is missing"),
        ([("__name__", "m"), ("a", "1"), ("a", "2")], "label 'a' is there twice"),
        ([("__name__", "m"), ("a", "x" * 1025)], "1025 characters"),
        ([("__name__", "m" * 257)], "257 characters"),
        ([("__name__", "m"), *((f"l{i}", "x") for i in range(33))], "33 labels"),
    ],
    ids=["no name", "empty name", "no labels", "twice", "long value", "long name", "many labels"],
)
def test_a_bad_series_is_named_and_the_others_are_kept(
    make: Make, encode: Encode, labels: Pairs, reason: str
) -> None:
    """One rejection a sample."""
    good = [("__name__", "m")]
    content: Content = [
        (good, [(NOW, 1.0)]),
        (labels, [(NOW, 2.0), (NOW + 1, 3.0)]),
        (good, [(NOW + 1, 4.0)]),
    ]
    parsed = parse(make(SeriesTable(4), MAX_SAMPLES), encode(content))
    assert parsed.batch.values == [1.0, 4.0]
    assert [rejection.index for rejection in parsed.rejected] == [1, 2]
    assert all(rejection.cause is Cause.SERIES for rejection in parsed.rejected)
    assert all(reason in rejection.reason for rejection in parsed.rejected)


@versions
def test_an_empty_label_is_none(make: Make, encode: Encode) -> None:
    """As in Prometheus; the order of labels does not matter either."""
    spelled: list[Pairs] = [
        [("__name__", "m"), ("a", "1"), ("b", ""), ("c", "2")],
        [("c", "2"), ("a", "1"), ("__name__", "m")],
    ]
    parsed = parse(make(SeriesTable(4), MAX_SAMPLES), encode([(s, [(NOW, 1.0)]) for s in spelled]))
    assert parsed.batch.series[0] is parsed.batch.series[1]
    assert parsed.batch.series[0].labels == {"a": "1", "c": "2"}


@versions
def test_a_time_before_1970_is_refused(make: Make, encode: Encode) -> None:
    """A negative number takes ten bytes."""
    content: Content = [([("__name__", "m")], [(-1, 1.0), (0, 2.0)])]
    parsed = parse(make(SeriesTable(4), MAX_SAMPLES), encode(content))
    assert (parsed.batch.times, parsed.batch.values) == ([0.0], [2.0])
    assert [rejection.cause for rejection in parsed.rejected] == [Cause.TIMESTAMP]


@versions
def test_nothing_is_a_request_too(make: Make, encode: Encode) -> None:
    """Prometheus sends metadata in requests without samples."""
    parsed = make(SeriesTable(4), MAX_SAMPLES).parse(encode([]))
    assert parsed.total == 0


@versions
def test_two_thousand_samples_are_a_usual_request(make: Make, encode: Encode) -> None:
    """As many as Prometheus sends at once."""
    content: Content = [
        ([("__name__", "m"), ("i", str(i))], [(NOW + i, float(i))]) for i in range(2000)
    ]
    parsed = parse(make(SeriesTable(4), 20_000), encode(content))
    assert parsed.batch.values == [float(i) for i in range(2000)]
    assert len({series.id for series in parsed.batch.series}) == 2000


@versions
def test_more_than_fit_the_buffer_are_refused_as_a_whole(make: Make, encode: Encode) -> None:
    """In one series, in many, and whatever they are."""
    labels = [("__name__", "m")]
    points = [(NOW + i, 1.0) for i in range(MAX_SAMPLES + 1)]
    parser = make(SeriesTable(4), MAX_SAMPLES)
    for content in ([(labels, points)], [(labels, [point]) for point in points]):
        with pytest.raises(BatchTooLarge, match="more than 1000 samples"):
            parser.parse(encode(content))


@versions
@pytest.mark.parametrize("field", [1, 4, 5])
def test_millions_of_empty_parts_are_refused_before_they_are_made(
    make: Make, encode: Encode, field: int
) -> None:
    """Each takes two bytes to send and many more to hold."""
    body = part(field, b"") * 1_000_000
    if (field == 1) is (make is ParserV2):
        assert make(SeriesTable(4), MAX_SAMPLES).parse(b"").total == 0
        return
    with pytest.raises(BatchTooLarge):
        make(SeriesTable(4), MAX_SAMPLES).parse(body)


@versions
@pytest.mark.parametrize("body", [b"\x0a\x05ab", b"\x2a\x05ab", b"\xff" * 12, b"\x07"])
def test_what_is_no_message_is_a_bad_payload(make: Make, encode: Encode, body: bytes) -> None:
    """Cut short, or no protobuf at all."""
    with pytest.raises(BadPayload):
        make(SeriesTable(4), MAX_SAMPLES).parse(body)


def histograms(version: str) -> bytes:
    """Two native histograms as a field of a series: what a schema of 2023 has in them."""
    content = number(1, 12) + eight(3, 18.4) + number(4, 6) + number(15, NOW)
    return part(4 if version == "v1" else 3, content) * 2


def test_native_histograms_are_refused_by_name() -> None:
    """The float samples of the same request are kept."""
    labels = [("__name__", "latency"), ("a", "b")]
    bodies = {
        "v1": request_v1(series_v1(labels, (NOW, 1.0)), series_v1(labels, more=histograms("v1"))),
        "v2": RequestV2().add(labels, (NOW, 1.0)).add(labels, more=histograms("v2")).encode(),
    }
    for parser in (ParserV1(SeriesTable(4), 10), ParserV2(SeriesTable(4), 10)):
        parsed = parse(parser, bodies["v1" if isinstance(parser, ParserV1) else "v2"])
        assert parsed.batch.values == [1.0]
        assert [rejection.cause for rejection in parsed.rejected] == [Cause.UNSUPPORTED] * 2
        assert 'latency{a="b"}: native histograms' in parsed.rejected[0].reason


def test_exemplars_and_unknown_fields_are_skipped() -> None:
    """They change neither series nor samples."""
    labels = [("__name__", "m"), ("a", "b")]
    exemplar = part(1, part(1, "trace_id") + part(2, "abc")) + eight(2, 7.0) + number(3, NOW)
    v1 = request_v1(
        series_v1(labels, (NOW, 1.0), more=part(3, exemplar)),
        series_v1(labels, more=UNKNOWN + sample((NOW + 1, 2.0)) + UNKNOWN),
        UNKNOWN + series_v1(labels, (NOW + 2, 3.0)),
    )
    request = RequestV2()
    exemplar = request.references([("trace_id", "abc")]) + eight(2, 7.0) + number(3, NOW)
    request.add(labels, (NOW, 1.0), more=part(4, exemplar))
    request.add(labels, more=UNKNOWN + sample((NOW + 1, 2.0)) + UNKNOWN)
    request.series.append(UNKNOWN + request.references(labels) + sample((NOW + 2, 3.0)))
    v2 = request.encode()
    for parser, body in ((ParserV1(SeriesTable(4), 10), v1), (ParserV2(SeriesTable(4), 10), v2)):
        for suffix in (b"", UNKNOWN):
            parsed = parse(parser, body + suffix)
            assert parsed.batch.values == [1.0, 2.0, 3.0]
            assert len({id(series) for series in parsed.batch.series}) == 1


def test_start_and_created_timestamps_change_nothing() -> None:
    """Of a sample, and of a series as earlier drafts of version 2.0 had them."""
    labels = [("__name__", "boots_total"), ("a", "b")]
    started = part(2, eight(1, 5.0) + number(2, NOW) + number(3, NOW - 60_000))
    plain = RequestV2().add(labels, (NOW, 5.0)).encode()
    with_start = RequestV2().add(labels, more=started).encode()
    with_created = RequestV2().add(labels, (NOW, 5.0), more=number(6, NOW - 60_000)).encode()
    parser = ParserV2(SeriesTable(4), 10)
    expected = found(parse(parser, plain))
    assert len(expected) == 1
    for body in (with_start, with_created):
        assert found(parse(parser, body)) == expected


def test_metadata_in_version_one_is_skipped() -> None:
    """Prometheus sends it once a minute."""
    metadata = part(3, number(1, 1) + part(2, "m") + part(4, "help") + part(5, ""))
    assert ParserV1(SeriesTable(4), 10).parse(metadata * 5).total == 0


def test_labels_behind_the_sample_count_as_well() -> None:
    """Whoever writes them in an unusual order is read, and never recognised wrongly."""
    usual = series_v1([("__name__", "m"), ("a", "b")], (NOW, 1.0))
    unusual = sample((NOW, 2.0)) + label("a", "b") + label("__name__", "m")
    split = label("__name__", "m") + sample((NOW, 3.0)) + label("a", "b")
    twice = usual + label("c", "d")
    parsed = parse(ParserV1(SeriesTable(4), 10), request_v1(usual, unusual, split, twice, usual))
    assert [series.labels for series in parsed.batch.series] == [
        {"a": "b"},
        {"a": "b"},
        {"a": "b"},
        {"a": "b", "c": "d"},
        {"a": "b"},
    ]


@pytest.mark.parametrize(
    ("symbols", "references", "reason"),
    [
        (["", "__name__", "m"], [1, 3], "labels_refs has 3; there are 3 symbols"),
        (["", "__name__", "m"], [1, 2, 0], "pairs of a name and a value"),
        (["", "__name__", "m"], [1, 2**31], "labels_refs has 2147483648"),
    ],
)
def test_references_to_nothing_are_refused(
    symbols: list[str], references: list[int], reason: str
) -> None:
    """They are the sender's mistake, and of that series alone."""
    spelled = part(1, b"".join(map(varint, references))) + sample((NOW, 1.0))
    good = part(1, varint(1) + varint(2)) + sample((NOW, 2.0))
    body = b"".join([*(part(4, s) for s in symbols), part(5, spelled), part(5, good)])
    parsed = parse(ParserV2(SeriesTable(4), 10), body)
    assert parsed.batch.values == [2.0]
    assert reason in parsed.rejected[0].reason


@pytest.mark.parametrize("symbols", [[], ["__name__", "m"]], ids=["none", "not empty"])
def test_symbols_must_start_with_the_empty_one(symbols: list[str]) -> None:
    """The specification says so, since a reference of 0 stands for nothing."""
    spelled = part(5, part(1, b"\0\0") + sample((NOW, 1.0)))
    with pytest.raises(BadPayload, match="the first of the symbols"):
        ParserV2(SeriesTable(4), 10).parse(b"".join(part(4, s) for s in symbols) + spelled)


def test_the_same_series_in_other_tables_of_symbols_is_recognised() -> None:
    """Symbols beyond the 127th take two bytes to refer to."""
    parser = ParserV2(SeriesTable(4), 1000)
    labels = [("__name__", "m"), ("device", "boiler-1")]
    series = parser.parse(RequestV2().add(labels, (NOW, 1.0)).encode()).batch.series[0]
    for filling in (1, 100, 300, 20_000):
        request = RequestV2()
        for i in range(filling):
            request.reference(f"filling {i}")
        parsed = parse(parser, request.add(labels, (NOW, 2.0)).encode())
        assert parsed.batch.series[0] is series


@pytest.mark.parametrize(
    ("metric", "kind", "cumulative"),
    [
        ("requests_total", 0, True),
        ("latency_count", 0, True),
        ("latency_bucket", 0, True),
        ("temperature", 0, False),
        ("odd", 1, True),
        ("boxes_total", 2, False),
        ("latency_sum", 3, True),
        ("latency", 5, False),
        ("latency_sum", 5, True),
        ("latency_sum", 4, False),
    ],
)
def test_what_counts_up_is_marked(metric: str, kind: int, cumulative: bool) -> None:
    """By the kind that version 2.0 can say, else by Prometheus' rules for names."""
    labels = [("__name__", metric)]
    request = RequestV2().add(labels, (NOW, 1.0), kind=kind).encode()
    assert parse(ParserV2(SeriesTable(4), 10), request).batch.series[0].cumulative is cumulative
    if kind == 0:
        request = request_v1(series_v1(labels, (NOW, 1.0)))
        assert parse(ParserV1(SeriesTable(4), 10), request).batch.series[0].cumulative is cumulative


def test_the_kind_may_come_later() -> None:
    """Prometheus learns the metadata of a metric after its first samples."""
    parser = ParserV2(SeriesTable(4), 10)
    labels = [("__name__", "odd")]
    series = parse(parser, RequestV2().add(labels, (NOW, 1.0)).encode()).batch.series[0]
    assert not series.cumulative
    parse(parser, RequestV2().add(labels, (NOW, 1.0), kind=1, help_text="of course").encode())
    assert series.cumulative
