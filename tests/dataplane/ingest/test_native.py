"""The native protocol: forms of a body, fields, and what is said of bad ones."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.errors import BadPayload, BatchTooLarge
from anomaly_dataplane.ingest.native import NativeParser
from anomaly_dataplane.ingest.parsed import Parsed
from anomaly_dataplane.series import SeriesTable

NOW_MS = 1_767_225_600_000.0
GOOD = {"metric": "temperature", "labels": {"device": "a"}, "timestamp": 1767225600, "value": 1.5}
MAX_SAMPLES = 1000

SAMPLES = st.fixed_dictionaries(
    {
        "metric": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
        "value": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    },
    optional={
        "labels": st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            max_size=3,
        ),
        "timestamp": st.integers(0, 4_000_000_000) | st.floats(0, 4e9) | st.none(),
    },
)


@pytest.fixture
def parser() -> NativeParser:
    return NativeParser(SeriesTable(4), MAX_SAMPLES)


def parse(body: object, *, lines: bool = False) -> Parsed:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return NativeParser(SeriesTable(4), MAX_SAMPLES).parse(data, lines=lines, now_ms=NOW_MS)


def as_lines(samples: list[dict[str, object]]) -> bytes:
    return b"\n".join(json.dumps(sample).encode() for sample in samples)


def reasons(parsed: Parsed) -> dict[int, str]:
    return {rejection.index: rejection.reason for rejection in parsed.rejected}


def valued(sample: dict[str, object]) -> dict[str, str]:
    """The labels of a sample, less those without a value."""
    labels = sample.get("labels", {})
    assert isinstance(labels, dict)
    return {name: value for name, value in labels.items() if value}


@given(st.lists(SAMPLES, min_size=1, max_size=10))
def test_array_and_lines_hold_the_same_samples(samples: list[dict[str, object]]) -> None:
    """However samples are packed, the columns are the same, and the values are those sent."""
    array, declared, sniffed = (
        parse(samples),
        parse(as_lines(samples), lines=True),
        parse(as_lines(samples)),
    )
    for parsed in (array, declared, sniffed):
        assert not parsed.rejected
        assert parsed.batch.values == [sample["value"] for sample in samples]
        assert parsed.batch.times == array.batch.times
        assert [s.metric for s in parsed.batch.series] == [s["metric"] for s in samples]
        assert [s.labels for s in parsed.batch.series] == [valued(s) for s in samples]


@given(st.lists(SAMPLES, min_size=1, max_size=6), st.data())
def test_one_bad_sample_never_loses_the_good_ones(
    samples: list[dict[str, object]], data: st.DataObject
) -> None:
    """The slow path, which a bad sample leads to, reads the good ones as the fast path does."""
    place = data.draw(st.integers(0, len(samples)))
    spoiled: list[dict[str, object]] = [*samples[:place], {"bad": 1}, *samples[place:]]
    clean = parse(samples)
    for parsed in (parse(spoiled), parse(as_lines(spoiled)), parse(as_lines(spoiled), lines=True)):
        assert list(reasons(parsed)) == [place]
        assert parsed.batch.values == clean.batch.values
        assert parsed.batch.times == clean.batch.times
        assert [s.id for s in parsed.batch.series] == [s.id for s in clean.batch.series]
        assert parsed.positions() == [i for i in range(len(spoiled)) if i != place]


@given(st.binary(min_size=1) | st.text(min_size=1).map(str.encode), st.booleans())
def test_nothing_but_a_bad_payload_is_ever_raised(body: bytes, lines: bool) -> None:
    """Arbitrary bytes are samples, rejections or a BadPayload."""
    try:
        parsed = parse(body, lines=lines)
    except BadPayload:
        return
    assert parsed.total > 0
    assert all(map(math.isfinite, parsed.batch.values))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["metric", "labels", "timestamp", "value", "device_id", "x"]),
            JSON_VALUES,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_every_sample_is_either_taken_or_given_a_reason(samples: list[dict[str, object]]) -> None:
    """Samples of any shape: none is lost, none raises."""
    parsed = parse(samples)
    assert parsed.total == len(samples)
    assert len(parsed.batch.times) == len(parsed.batch.values) == len(parsed.batch)
    assert all(map(math.isfinite, parsed.batch.values + parsed.batch.times))


def test_a_single_sample_may_span_lines() -> None:
    """Pretty-printed JSON is one sample, not one a line."""
    assert parse(json.dumps(GOOD, indent=2).encode()).batch.values == [1.5]


def test_a_missing_timestamp_is_the_time_of_receipt() -> None:
    """Several of one request stay several samples, in their order."""
    times = parse([{"metric": "m", "value": v} for v in (1, 2, 3)]).batch.times
    assert times[0] == NOW_MS
    assert times == sorted(set(times))
    assert times[2] - times[0] < 1


def test_device_id_is_short_for_the_label() -> None:
    """Both ways name one series."""
    short = {"metric": "m", "value": 1, "device_id": "a"}
    long = {"metric": "m", "value": 1, "labels": {"device": "a"}}
    both = {**short, **long}
    series = parse([short, long, both]).batch.series
    assert series[0] is series[1] is series[2]
    assert series[0].labels == {"device": "a"}


def test_the_order_of_labels_does_not_matter() -> None:
    """Nor does white space: a series is its names and values."""
    body = (
        b'[{"metric":"m","value":1,"labels":{"a":"1","b":"2"}},'
        b'{"metric":"m","value":1,"labels":{ "b":"2", "a":"1" }}]'
    )
    series = parse(body).batch.series
    assert series[0] is series[1]


def test_null_stands_for_what_may_be_missing() -> None:
    """Serialisers that write every field are understood."""
    sample = {"metric": "m", "value": 1, "labels": None, "timestamp": None, "device_id": None}
    parsed = parse(sample)
    assert parsed.batch.series[0].labels == {}
    assert parsed.batch.times == [NOW_MS]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": "1.5"}, "value must be a number, not a string ('1.5')"),
        ({"value": True}, "value must be a number, not a boolean"),
        ({"value": None}, "value must be a number, not null"),
        ({"value": [1]}, "value must be a number, not an array"),
        ({"value": math.nan}, "value must be a finite number"),
        ({"value": -math.inf}, "value must be a finite number"),
        ({"value": 10**400}, "value must be a finite number"),
        ({"metric": 5}, "metric must be a string, not a number"),
        ({"metric": ""}, "metric must not be empty"),
        ({"metric": "m" * 257}, "metric has 257 characters; 256 are allowed"),
        ({"metric": "\ud800"}, "metric is not valid Unicode"),
        ({"labels": []}, "labels must be an object of strings, not an array"),
        ({"labels": {"device": 5}}, "label 'device' must be a string, not a number"),
        ({"labels": {"": "x"}}, "a label's name must not be empty"),
        ({"labels": {"l": "x" * 1025}}, "label 'l' has 1025 characters; 1024 are allowed"),
        ({"labels": {"l" * 129: "x"}}, "a label's name has 129 characters; 128 are allowed"),
        ({"labels": {str(i): "" for i in range(33)}}, "has 33 labels; 32 are allowed"),
        ({"device_id": 5}, "device_id must be a string, not a number"),
        ({"device_id": "b"}, "device_id 'b' contradicts the label device='a'"),
        ({"timestamp": True}, "timestamp must be a number or RFC 3339 text, not a boolean"),
        ({"timestamp": "noon"}, "timestamp 'noon' cannot be read"),
        ({"timestamp": -5}, "timestamp must not be before 1970"),
        ({"timestamp": math.nan}, "timestamp"),
        ({"vlaue": 1, "valeu": 2}, "unknown field 'vlaue', 'valeu'; known: metric, labels"),
    ],
)
def test_a_fault_is_named_at_its_place(change: dict[str, object], reason: str) -> None:
    """The index, the field, what was wrong; in lines, the line too."""
    bad = {**GOOD, **change}
    parsed = parse([GOOD, bad, GOOD])
    assert reason in reasons(parsed)[1]
    assert len(parsed.batch) == 2

    lined = parse(as_lines([GOOD]) + b"\n\n" + as_lines([bad, GOOD]))
    assert [(r.index, r.line) for r in lined.rejected] == [(1, 3)]
    assert reason in reasons(lined)[1]


@pytest.mark.parametrize("missing", ["metric", "value"])
def test_a_missing_field_is_named(missing: str) -> None:
    """With an example of a sample that has it."""
    bad = {name: value for name, value in GOOD.items() if name != missing}
    assert f"{missing} is missing" in reasons(parse(bad))[0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"hello", "not valid JSON: Expecting value at column 1"),
        (b'{"metric": "m", "value": }', "at column 26"),
        (b'[{"metric":"m","value":1},\n{"metric":"m","value":1,}]', "at line 2 column"),
        (b'[{"metric":"m","value":1}\n', "not valid JSON"),
        (b"\xff\xfe", "not UTF-8 at byte 0"),
        (b"[" * 20_000, "nested too deeply"),
        (b'{"metric":"m","value":' + b"1" * 5000 + b"}", "too many digits"),
        (b"[]", "no sample in the body"),
        (b" \n ", "no"),
    ],
)
def test_a_body_that_is_no_json_is_refused_with_the_place(body: bytes, reason: str) -> None:
    """Nothing of it can be told apart, so nothing is kept."""
    with pytest.raises(BadPayload, match=reason) as caught:
        parse(body)
    assert caught.value.status == 400


def test_a_line_that_is_no_json_does_not_lose_the_others() -> None:
    """Neither by broken syntax nor by broken text."""
    body = b'{"metric":"m","value":1}\r\n{"metric":\r\n{"metric":"\xff","value":1}\r\n' * 2
    parsed = parse(body)
    assert parsed.batch.values == [1, 1]
    assert [r.line for r in parsed.rejected] == [2, 3, 5, 6]


def test_things_that_are_no_objects_are_rejected_one_by_one() -> None:
    """An array of numbers is not a body of samples, but each is told so."""
    parsed = parse([1, "a", None, [GOOD], GOOD])
    assert list(reasons(parsed)) == [0, 1, 2, 3]
    assert "is an array, not an object" in reasons(parsed)[3]


def test_a_byte_order_mark_is_ignored() -> None:
    """PowerShell writes one."""
    assert parse(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()).batch.values == [1.5]


@pytest.mark.parametrize("bad", [{}, {"x": 1}])
def test_more_samples_than_the_buffer_holds_are_refused(bad: dict[str, object]) -> None:
    """With the limit, on the fast path as on the slow one."""
    samples = [GOOD] * MAX_SAMPLES + [{**GOOD, **bad}]
    with pytest.raises(BatchTooLarge, match="more than 1000 samples"):
        parse(samples)


def test_far_too_many_samples_are_not_even_made() -> None:
    """They would take many times the memory of their text."""
    with pytest.raises(BatchTooLarge):
        parse(b"[" + b'{"metric":"m","value":1},' * 200_000 + b"]")


def test_a_huge_faulty_body_is_refused_with_its_first_fault() -> None:
    """Going through millions of values would cost the pod its memory."""
    with pytest.raises(BadPayload, match="too large to look for the good samples"):
        parse(b"[" + b"[]," * 1_000_000 + b"[]]")


@pytest.mark.parametrize(("bound", "value"), [("MAX_SPELLINGS", 10), ("MAX_BYTES", 200)])
def test_spellings_are_remembered_within_bounds(
    parser: NativeParser, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    """Endless new series do not fill the memory, and the old ones stay the same objects."""
    monkeypatch.setattr(f"anomaly_dataplane.ingest.known_series.{bound}", value)
    first = parser.parse(json.dumps(GOOD).encode(), lines=False, now_ms=NOW_MS).batch.series[0]
    many = [{"metric": "m", "value": 1, "labels": {"number": str(i)}} for i in range(100)]
    parser.parse(json.dumps(many).encode(), lines=False, now_ms=NOW_MS)
    again = parser.parse(json.dumps(GOOD).encode(), lines=False, now_ms=NOW_MS).batch.series[0]
    assert again is first
    assert len(parser._known) <= 10
