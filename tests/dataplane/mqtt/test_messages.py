"""What messages say, without a broker."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.ingest.parsed import Cause
from anomaly_dataplane.mqtt.messages import Message, MessageParser
from anomaly_dataplane.series import SeriesTable
from samples import START_MS

TOPIC = "sensors/roof/t-1/temperature"
NAME = 'temperature{device="t-1",site="roof"}'


def a_parser() -> MessageParser:
    templates = ["sensors/{site}/{device}/{metric}", "plain/{device}"]
    return MessageParser(SeriesTable(4), templates, 1000, 50)


def read(*payloads: str | bytes, topic: str = TOPIC) -> list[tuple[str, float, float]]:
    """The samples of good messages."""
    raw = [each.encode() if isinstance(each, str) else each for each in payloads]
    parsed = a_parser().parse([Message(topic, each) for each in raw], START_MS)
    assert parsed.rejected == []
    batch = parsed.batch
    names = [series.name for series in batch.series]
    return list(zip(names, batch.times, batch.values, strict=True))


@pytest.mark.parametrize(
    ("payload", "value"),
    [("21.5", 21.5), (" -3\n", -3.0), ("1e3", 1000.0), ('{"value": 4}', 4.0), ("[5]", 5.0)],
)
def test_one_value_is_a_sample_of_the_topics_series(payload: str, value: float) -> None:
    assert read(payload) == [(NAME, START_MS, value)]


@pytest.mark.parametrize(
    ("bound", "value"), [("MAX_SPELLINGS", 5), ("MAX_BYTES", 150), ("MAX_SPELLING_BYTES", 5)]
)
def test_topics_are_remembered_within_bounds(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    """Whoever may publish must not fill a pod's memory; each topic keeps its series."""
    monkeypatch.setattr(f"anomaly_dataplane.mqtt.messages.{bound}", value)
    parser = a_parser()
    messages = [Message(f"sensors/roof/t-{n}/temperature", b"1") for n in range(30)]
    first, second = (parser.parse(messages, START_MS).batch.series for _ in range(2))
    assert first == second
    assert len(set(first)) == 30
    assert len(parser._topics) <= 5
    assert sum(map(len, parser._topics)) <= 150


def test_no_two_samples_without_a_time_get_the_same_one() -> None:
    times = [time for _, time, _ in read("1", "2", "[3, 4]")]
    assert len(set(times)) == 4
    assert times == sorted(times)


def test_fields_of_the_payload_win_over_the_topic() -> None:
    sample = {"metric": "m", "labels": {"site": "cellar"}, "value": 1, "timestamp": 1767225600}
    assert read(json.dumps(sample)) == [('m{device="t-1",site="cellar"}', START_MS, 1.0)]


@pytest.mark.parametrize(
    ("topic", "payload", "cause"),
    [
        (TOPIC, b"", Cause.SYNTAX),
        (TOPIC, b"warm", Cause.SYNTAX),
        (TOPIC, b"1_0", Cause.SYNTAX),
        (TOPIC, b"true", Cause.SYNTAX),
        (TOPIC, b"inf", Cause.VALUE),
        (TOPIC, b'{"value": true}', Cause.VALUE),
        (TOPIC, b'{"value": 1, "timestamp": "soon"}', Cause.TIMESTAMP),
        (TOPIC, b'{"value": 1, "extra": 1}', Cause.FIELD),
        (TOPIC, b"9" * 1001, Cause.SIZE),
        ("sensors/roof", b"1", Cause.TOPIC),
        ("plain/t-1", b"1", Cause.FIELD),
        ("sensors/a/b/" + "m" * 300, b"1", Cause.SERIES),
    ],
)
def test_what_cannot_be_used_is_named_with_its_topic(
    topic: str, payload: bytes, cause: Cause
) -> None:
    parsed = a_parser().parse([Message(topic, payload)], START_MS)
    assert [rejection.cause for rejection in parsed.rejected] == [cause]
    assert topic[:40] in parsed.rejected[0].reason


def test_the_good_samples_around_a_bad_one_are_kept() -> None:
    messages = [Message(TOPIC, b'[1, "x", 2]'), Message(TOPIC, b"?"), Message(TOPIC, b"3")]
    parsed = a_parser().parse(messages, START_MS)
    assert parsed.batch.values == [1, 2, 3]
    assert [rejection.index for rejection in parsed.rejected] == [1, 3]
    assert parsed.positions() == [0, 2, 4]


def test_a_message_has_so_many_samples_at_most() -> None:
    """In an array or in lines: decoded, they take a hundred times their bytes."""
    good = Message(TOPIC, json.dumps(list(range(50))).encode())
    for payload in (json.dumps(list(range(51))).encode(), b"\n".join([b"1", *[b"[1]"] * 50])):
        parsed = a_parser().parse([Message(TOPIC, payload), good], START_MS)
        assert [(r.index, r.cause) for r in parsed.rejected] == [(0, Cause.SIZE)]
        assert "more than 50 samples" in parsed.rejected[0].reason
        assert len(parsed.batch) == 50


@pytest.mark.parametrize("item", [b"{}", b"1", b"[]", b'{"value":[0,0]}'])
def test_what_would_take_too_much_to_decode_is_refused_before_that(item: bytes) -> None:
    """Of a few megabytes Python would make a gigabyte, again with each delivery of the message."""
    parser = MessageParser(SeriesTable(4), ["sensors/{site}/{device}/{metric}"], 8 << 20, 50)
    payload = b"[" + b",".join([item] * 200_000) + b"]"
    tracemalloc.start()
    try:
        parsed = parser.parse([Message(TOPIC, payload)], START_MS)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [rejection.cause for rejection in parsed.rejected] == [Cause.SIZE]
    assert most < 100_000


def test_a_retained_message_is_refused() -> None:
    parsed = a_parser().parse([Message(TOPIC, b"1", retained=True)], START_MS)
    assert [rejection.cause for rejection in parsed.rejected] == [Cause.RETAINED]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["metric", "value", "labels", "timestamp", "x"]), inner, max_size=5
        )
    ),
    max_leaves=8,
)


@given(st.binary(max_size=64) | _json.map(lambda value: json.dumps(value).encode()))
def test_no_payload_is_too_much(payload: bytes) -> None:
    """Whatever it is, each of its samples is either taken or refused."""
    parsed = a_parser().parse([Message(TOPIC, payload)], START_MS)
    assert parsed.total >= 1
    assert len(parsed.positions()) == len(parsed.batch)
