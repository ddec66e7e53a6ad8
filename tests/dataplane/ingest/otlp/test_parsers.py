"""OTLP in both encodings: what the official messages wrote is what comes out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, Protocol

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from anomaly_dataplane.errors import BadPayload, BatchTooLarge
from anomaly_dataplane.ingest.otlp.binary import BinaryParser
from anomaly_dataplane.ingest.otlp.text import TextParser
from anomaly_dataplane.ingest.parsed import Cause, Parsed
from anomaly_dataplane.series import SeriesTable
from otlp_writer import (
    CUMULATIVE,
    DELTA,
    a_metric,
    as_json,
    attributes,
    gauge,
    point,
    request,
    total,
)
from protobuf_writer import UNKNOWN, eight, number, part

NOW = 1_767_225_600_000.0
MAX_SAMPLES = 1000


class Parser(Protocol):
    def parse(self, body: bytes) -> Parsed: ...


def in_protobuf(message: ExportMetricsServiceRequest) -> bytes:
    return message.SerializeToString()


def in_json_of_numbers(message: ExportMetricsServiceRequest) -> bytes:
    return as_json(message, numbers=True)


Make = Callable[[SeriesTable, int], Parser]
Encode = Callable[[ExportMetricsServiceRequest], bytes]
ways = pytest.mark.parametrize(
    ("make", "encode"),
    [
        pytest.param(BinaryParser, in_protobuf, id="protobuf"),
        pytest.param(TextParser, as_json, id="json"),
        pytest.param(TextParser, in_json_of_numbers, id="json of numbers"),
    ],
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = (
    TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.none()
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2)
)
ATTRIBUTES = st.dictionaries(TEXT.filter(bool), VALUES, max_size=3)
POINTS = st.builds(
    point,
    st.integers(1, 2**42).map(float),
    st.floats() | st.integers(-(2**63), 2**63 - 1),
    ATTRIBUTES,
    start_time_unix_nano=st.sampled_from([0, 5]),
    flags=st.sampled_from([0, 0, 0, 2]),
)
METRICS = st.one_of(
    st.builds(
        lambda name, points: gauge(name, *points), TEXT.filter(bool), st.lists(POINTS, max_size=3)
    ),
    st.builds(
        lambda name, points, temporality, monotonic: total(
            name, *points, temporality=temporality, monotonic=monotonic
        ),
        TEXT.filter(bool),
        st.lists(POINTS, max_size=3),
        st.sampled_from([0, DELTA, CUMULATIVE]),
        st.booleans(),
    ),
)
REQUESTS = st.builds(
    lambda metrics, resource: request(*metrics, resource=resource),
    st.lists(METRICS, max_size=3),
    st.dictionaries(
        st.sampled_from(["service.name", "service.instance.id", "host"]), TEXT, max_size=3
    ),
)


def found(parsed: Parsed) -> list[tuple[str, float, float]]:
    batch = parsed.batch
    columns = zip(batch.series, batch.times, batch.values, strict=True)
    return [(series.name, time, value) for series, time, value in columns]


def parse(parser: Parser, body: bytes) -> Parsed:
    """What a parser makes of a body that it has not seen, and of the same again."""
    first = parser.parse(body)
    again = parser.parse(body)
    assert found(again) == found(first)
    assert again.rejected == first.rejected
    assert (again.closed, again.valueless) == (first.closed, first.valueless)
    return first


def parser_of(make: Make) -> Parser:
    return make(SeriesTable(4), MAX_SAMPLES)


@ways
@given(message=REQUESTS)
def test_what_was_written_is_read(
    make: Make, encode: Encode, message: ExportMetricsServiceRequest
) -> None:
    """Every time and value, in order."""
    parsed = parse(parser_of(make), encode(message))
    points = [
        each
        for metric in message.resource_metrics[0].scope_metrics[0].metrics
        for each in getattr(metric, metric.WhichOneof("data") or "gauge").data_points
    ]
    values = [
        (each.time_unix_nano / 1e6, float(getattr(each, each.WhichOneof("value"))))
        for each in points
    ]
    wanted = [(time, value) for time, value in values if math.isfinite(value)]
    batch = parsed.batch
    assert not parsed.rejected
    assert batch.values == [value for _, value in wanted]
    assert batch.times == pytest.approx([time for time, _ in wanted], abs=1e-3, rel=0)
    assert len(batch) + parsed.valueless == len(points)


@given(message=REQUESTS)
@example(message=request(gauge("m", point(1.0, 1.0, {"list": [math.inf], "whole": 1.0}))))
def test_both_encodings_bring_the_same_samples(message: ExportMetricsServiceRequest) -> None:
    """The same series by the same names, whatever their attributes hold."""
    outcomes = [
        found(parse(parser_of(make), encode(message)))
        for make, encode in (
            (BinaryParser, in_protobuf),
            (TextParser, as_json),
            (TextParser, in_json_of_numbers),
        )
    ]
    assert outcomes[0] == outcomes[1] == outcomes[2]


@ways
@given(messages=st.lists(REQUESTS, min_size=2, max_size=4))
def test_what_was_learnt_of_one_request_never_spoils_another(
    make: Make, encode: Encode, messages: list[ExportMetricsServiceRequest]
) -> None:
    """One parser reads them all as a new one reads each."""
    parser = parser_of(make)
    for message in messages:
        assert found(parse(parser, encode(message))) == found(
            parser_of(make).parse(encode(message))
        )


@ways
@given(body=st.binary(max_size=300))
def test_nothing_but_a_bad_payload_is_ever_raised(make: Make, encode: Encode, body: bytes) -> None:
    """Arbitrary bytes are samples, rejections or a BadPayload."""
    try:
        parsed = parser_of(make).parse(body)
    except BadPayload:
        return
    assert all(map(math.isfinite, parsed.batch.values + parsed.batch.times))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceMetrics",
                    "resource",
                    "scopeMetrics",
                    "metrics",
                    "name",
                    "gauge",
                    "sum",
                    "histogram",
                    "dataPoints",
                    "timeUnixNano",
                    "asDouble",
                    "asInt",
                    "attributes",
                    "key",
                    "value",
                    "stringValue",
                    "arrayValue",
                    "values",
                    "kvlistValue",
                    "intValue",
                    "flags",
                    "count",
                    "aggregationTemporality",
                    "isMonotonic",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(document=JSON_VALUES, outer=st.integers(0, 5))
def test_json_of_any_shape_raises_nothing_else_either(document: Any, outer: int) -> None:
    """Keys of the protocol in all the wrong places."""
    nests = ("dataPoints", "gauge", "metrics", "scopeMetrics", "resourceMetrics")
    for key in nests[:outer]:
        document = {key: document if key == "gauge" else [document], "timeUnixNano": 1}
    try:
        parser_of(TextParser).parse(json.dumps(document).encode())
    except BadPayload:
        return


@ways
@given(message=REQUESTS, data=st.data())
def test_a_damaged_request_raises_nothing_else_either(
    make: Make, encode: Encode, message: ExportMetricsServiceRequest, data: st.DataObject
) -> None:
    """Bytes changed, lost or added in a body; knowing its series changes nothing."""
    body = bytearray(encode(message))
    parser = parser_of(make)
    parser.parse(bytes(body))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body)))
        body[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    outcomes: list[object] = []
    for each in (parser, parser_of(make)):
        try:
            parsed = each.parse(bytes(body))
            outcomes.append((found(parsed), parsed.rejected, parsed.valueless, len(parsed.closed)))
        except BadPayload as bad:
            outcomes.append(str(bad))
    assert outcomes[0] == outcomes[1]


@ways
def test_names_and_labels_are_in_the_alphabet_of_prometheus(make: Make, encode: Encode) -> None:
    """What identifies the service is a label; all that the resource says beside it is not."""
    told = {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "ok": True,
        "ratio": 0.5,
        "tags": ["a", 1],
        "map": {"b": 2, "a": "x"},
        "raw": b"\x00\xff",
        "1st": "x",
        "nothing": None,
        "empty": "",
        "a.b": "1",
        "a_b": "2",
    }
    parsed = parse(
        parser_of(make),
        encode(request(gauge("http.server.active-requests", point(NOW, 1.0, told)))),
    )
    (series,) = parsed.batch.series
    assert series.metric == "http_server_active_requests"
    assert series.labels == {
        "service_name": "boiler",
        "service_instance_id": "b-1",
        "http_request_method": "GET",
        "http_response_status_code": "200",
        "ok": "true",
        "ratio": "0.5",
        "tags": '["a",1]',
        "map": '{"a":"x","b":2}',
        "raw": "AP8=",
        "_1st": "x",
        "a_b": "1;2",
    }


@ways
def test_what_the_point_says_wins(make: Make, encode: Encode) -> None:
    """Over the resource."""
    message = request(gauge("m", point(NOW, 1.0, {"service.name": "other"})))
    assert parse(parser_of(make), encode(message)).batch.series[0].labels["service_name"] == "other"


@ways
@pytest.mark.parametrize(
    ("temporality", "monotonic", "grows"),
    [(CUMULATIVE, True, True), (CUMULATIVE, False, False), (DELTA, True, False), (0, True, False)],
    ids=["counter", "up and down", "delta", "unsaid"],
)
def test_a_cumulative_monotonic_sum_counts_up(
    make: Make, encode: Encode, temporality: int, monotonic: bool, grows: bool
) -> None:
    """So its rate is scored. A delta is a value as any other."""
    message = request(total("m", point(NOW, 5), temporality=temporality, monotonic=monotonic))
    parsed = parse(parser_of(make), encode(message))
    assert parsed.batch.series[0].cumulative is grows
    assert parsed.batch.values == [5.0]


@ways
def test_a_histogram_is_its_count_and_its_sum(make: Make, encode: Encode) -> None:
    """Two series; without a sum it is one."""
    points = [
        {
            "time_unix_nano": round((NOW + i) * 1e6),
            "count": 7 + i,
            "bucket_counts": [3, 4],
            "explicit_bounds": [1.0],
            "attributes": attributes({"a": "b"}),
            **({"sum": 2.5} if i == 0 else {}),
        }
        for i in range(2)
    ]
    histogram: dict[str, Any] = {"data_points": points, "aggregation_temporality": CUMULATIVE}
    parsed = parse(
        parser_of(make), encode(request(a_metric("latency", "histogram", histogram), resource={}))
    )
    assert found(parsed) == [
        ('latency_count{a="b"}', NOW, 7.0),
        ('latency_sum{a="b"}', NOW, 2.5),
        ('latency_count{a="b"}', NOW + 1, 8.0),
    ]
    assert all(series.cumulative for series in parsed.batch.series)


@ways
@pytest.mark.parametrize(
    ("kind", "told"),
    [("exponential_histogram", "send explicit buckets"), ("summary", "send gauges")],
)
def test_other_kinds_are_rejected_by_name(make: Make, encode: Encode, kind: str, told: str) -> None:
    """One rejection a point; all else of the request is kept."""
    points = [{"time_unix_nano": 1, "count": 1}] * 2
    other = a_metric("odd", kind, {"data_points": points})
    parsed = parse(parser_of(make), encode(request(other, gauge("m", point(NOW, 1.0)))))
    assert parsed.batch.values == [1.0]
    assert [rejection.cause for rejection in parsed.rejected] == [Cause.UNSUPPORTED] * 2
    assert all(rejection.reason.startswith("odd: ") for rejection in parsed.rejected)
    assert told in parsed.rejected[0].reason


@ways
def test_points_without_a_value_are_none(make: Make, encode: Encode) -> None:
    """NaN says so by itself, a flag that the series has ended; nothing at all is a mistake."""
    message = request(
        gauge(
            "m",
            point(NOW, 1.0),
            point(NOW, math.nan),
            point(NOW, math.inf),
            point(NOW + 1, None, flags=1),
            point(NOW + 2, None),
        )
    )
    parsed = parse(parser_of(make), encode(message))
    assert parsed.batch.values == [1.0]
    assert parsed.valueless == 2
    assert parsed.closed == [(parsed.batch.series[0], NOW + 1)]
    assert [rejection.reason for rejection in parsed.rejected] == ["m: a point has no value"]


@ways
@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (gauge("m", point(0, 1.0)), "timeUnixNano is missing"),
        (gauge("", point(NOW, 1.0)), "a metric has no name"),
        (gauge("m", point(NOW, 1.0, {"a": "x" * 1025})), "1025 characters"),
        (gauge("m", point(NOW, 1.0, {f"a{i}": "x" for i in range(33)})), "35 labels"),
    ],
    ids=["no time", "no name", "long value", "many labels"],
)
def test_a_bad_point_is_named_and_the_others_are_kept(
    make: Make, encode: Encode, metric: Metric, reason: str
) -> None:
    parsed = parse(parser_of(make), encode(request(metric, gauge("m", point(NOW, 2.0)))))
    assert parsed.batch.values == [2.0]
    assert reason in parsed.rejected[0].reason


@ways
def test_nothing_is_a_request_too(make: Make, encode: Encode) -> None:
    """An empty request is a success."""
    for message in (ExportMetricsServiceRequest(), request(), request(gauge("m"))):
        assert parser_of(make).parse(encode(message)).total == 0


@ways
def test_more_than_fit_the_buffer_are_refused_as_a_whole(make: Make, encode: Encode) -> None:
    """In one metric, or in many."""
    one = request(gauge("m", *(point(NOW + i, 1.0) for i in range(MAX_SAMPLES + 1))))
    many = request(*(gauge(f"m{i}", point(NOW, 1.0)) for i in range(MAX_SAMPLES + 1)))
    for message in (one, many):
        with pytest.raises(BatchTooLarge):
            parser_of(make).parse(encode(message))


def test_millions_of_empty_parts_are_refused_before_they_are_made() -> None:
    """At whatever level they are, and in either encoding."""
    empty = part(1, b"") * 1_000_000
    for body in (
        empty,
        part(1, part(2, b"") * 1_000_000),
        b'{"a":[' + b"{}," * 1_000_000 + b"{}]}",
    ):
        make = TextParser if body.startswith(b"{") else BinaryParser
        with pytest.raises(BatchTooLarge):
            make(SeriesTable(4), MAX_SAMPLES).parse(body)


def test_unknown_fields_are_ignored() -> None:
    """From versions to come, at every level."""
    body = request(gauge("m", point(NOW, 1.0))).SerializeToString() + UNKNOWN
    assert parse(parser_of(BinaryParser), body).batch.values == [1.0]
    document = json.loads(as_json(request(gauge("m", point(NOW, 1.0)))))
    metric = document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]
    for each in (document, metric, metric["gauge"], metric["gauge"]["dataPoints"][0]):
        each["new_in_version_9"] = {"deep": [1, None]}
    assert parse(parser_of(TextParser), json.dumps(document).encode()).batch.values == [1.0]


def test_exemplars_are_skipped() -> None:
    """They stand between the value and the attributes."""
    exemplar = {"as_double": 3.0, "time_unix_nano": 5, "span_id": b"12345678"}
    message = request(gauge("m", point(NOW, 1.0, {"a": "b"}, exemplars=[exemplar])))
    for make, encode in ((BinaryParser, in_protobuf), (TextParser, as_json)):
        assert parse(parser_of(make), encode(message)).batch.values == [1.0]


@ways
def test_bytes_are_a_label_in_base64(make: Make, encode: Encode) -> None:
    """Of whatever they are: in JSON they come so, in protobuf as they are."""
    message = request(gauge("m", point(NOW, 1.0, {"id": b"\x00\xff\xfe?", "list": [b"\x01"]})))
    (series,) = parse(make(SeriesTable(4), MAX_SAMPLES), encode(message)).batch.series
    assert series.labels["id"] == "AP/+Pw=="
    assert series.labels["list"] == '["AQ=="]'


def test_enumerations_may_come_by_name() -> None:
    """The standard says numbers; libraries that write protobuf's own JSON send names."""
    message = request(total("m", point(NOW, 5), temporality=CUMULATIVE, monotonic=True))
    body = as_json(message).replace(
        b'"aggregationTemporality": 2',
        b'"aggregationTemporality": "AGGREGATION_TEMPORALITY_CUMULATIVE"',
    )
    assert b"CUMULATIVE" in body
    assert parse(parser_of(TextParser), body).batch.series[0].cumulative
    unspecified = body.replace(b"_CUMULATIVE", b"_UNSPECIFIED")
    assert not parse(parser_of(TextParser), unspecified).batch.series[0].cumulative
    with pytest.raises(BadPayload, match="is no whole number"):
        parser_of(TextParser).parse(body.replace(b"_CUMULATIVE", b"_ODD"))


@pytest.mark.parametrize("value", [b'{"intValue": "five"}', b'{"doubleValue": "x"}'])
def test_what_is_no_number_of_a_resource_is_a_bad_payload(value: bytes) -> None:
    """All of its points would be of it; of a point it is one rejected sample."""
    of_resource = as_json(request(gauge("m", point(NOW, 5)), resource={"a": "b"}))
    of_point = as_json(request(gauge("m", point(NOW, 5, {"a": "b"}))))
    odd = b'{"stringValue": "b"}'
    assert odd in of_resource
    assert odd in of_point
    with pytest.raises(BadPayload, match="is no"):
        parser_of(TextParser).parse(of_resource.replace(odd, value))
    parsed = parser_of(TextParser).parse(of_point.replace(odd, value))
    assert len(parsed.rejected) == parsed.total == 1


@pytest.mark.parametrize("body", [b"\x0a\x05ab", b"\xff" * 12, b"\x07"])
def test_what_is_no_message_is_a_bad_payload(body: bytes) -> None:
    with pytest.raises(BadPayload, match="no ExportMetricsServiceRequest"):
        parser_of(BinaryParser).parse(body)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"resourceMetrics": 5}', b"\xff"])
def test_what_is_no_json_of_the_kind_is_a_bad_payload(body: bytes) -> None:
    with pytest.raises(BadPayload, match="no ExportMetricsServiceRequest in JSON"):
        parser_of(TextParser).parse(body)


@ways
def test_a_point_with_nothing_in_it_is_rejected(make: Make, encode: Encode) -> None:
    """Found by the fuzzer: no byte of it to look at."""
    message = ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add()
    metric.name = "m"
    metric.gauge.data_points.add()
    metric.gauge.data_points.add()
    parsed = make(SeriesTable(4), MAX_SAMPLES).parse(encode(message))
    assert len(parsed.rejected) == 2
    assert not parsed.batch.series


ATTRIBUTE_A, ATTRIBUTE_B = (each.SerializeToString() for each in attributes({"a": "1", "b": "2"}))
WHEN = eight(3, round(NOW * 1e6))


@pytest.mark.parametrize(
    "content",
    [
        WHEN + eight(4, 1.5) + part(7, ATTRIBUTE_A) + part(7, ATTRIBUTE_B),
        part(7, ATTRIBUTE_A) + part(7, ATTRIBUTE_B) + eight(4, 1.5) + WHEN,
        part(7, ATTRIBUTE_A) + WHEN + part(7, ATTRIBUTE_B) + eight(4, 1.5),
        eight(6, 7) + WHEN + eight(4, 1.5) + part(7, ATTRIBUTE_A) + part(7, ATTRIBUTE_B),
        UNKNOWN + WHEN + eight(4, 1.5) + UNKNOWN + part(7, ATTRIBUTE_A) + part(7, ATTRIBUTE_B),
        WHEN + eight(4, 1.5) + part(7, ATTRIBUTE_A) + part(7, ATTRIBUTE_B) + number(8, 0),
    ],
    ids=["usual", "backwards", "scattered", "two values", "unknown fields", "flags of nothing"],
)
def test_a_point_may_be_written_in_any_order(content: bytes) -> None:
    """As protobuf allows; the last of two values counts. It is one series in all of them."""
    metric = part(1, "m") + part(5, part(1, content))
    body = part(1, part(2, part(2, metric)))
    assert found(parse(parser_of(BinaryParser), body)) == [('m{a="1",b="2"}', NOW, 1.5)]


def test_metrics_that_differ_in_kind_alone_are_told_apart() -> None:
    """Nor is what stands in a gauge taken for what stands beside it."""
    point_of = part(1, WHEN + eight(4, 1.5))
    bodies = [
        part(1, "m") + part(7, point_of + number(2, 2) + number(3, 1)),
        part(1, "m") + part(7, point_of) + number(2, 2) + number(3, 1),
        part(1, "m") + part(5, point_of + number(2, 2) + number(3, 1)),
    ]
    for order in (bodies, bodies[::-1]):
        parser = BinaryParser(SeriesTable(4), MAX_SAMPLES)
        for metric in order:
            parser.parse(part(1, part(2, part(2, metric))))
    assert [described.grows for described in parser._metrics.known.values()] == [False, False, True]


def test_the_last_of_several_kinds_counts() -> None:
    """Which no library writes."""
    one, two = (part(1, WHEN + eight(4, value)) for value in (1.0, 2.0))
    metric = part(1, "m") + part(5, one) + part(7, two)
    body = part(1, part(2, part(2, metric)))
    assert found(parse(parser_of(BinaryParser), body)) == [("m", NOW, 2.0)]


def test_a_count_may_have_64_bits() -> None:
    content = WHEN + eight(4, 2**64 - 1) + eight(5, 1.5)
    body = part(1, part(2, part(2, part(1, "m") + part(9, part(1, content)))))
    assert found(parse(parser_of(BinaryParser), body)) == [
        ("m_count", NOW, float(2**64)),
        ("m_sum", NOW, 1.5),
    ]
