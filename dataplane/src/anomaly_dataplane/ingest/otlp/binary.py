"""OTLP in protobuf. Bytes in, columns out.

A metric without its points and a point's attributes are spelled alike every time, so `reading.py`
gives them as they are and they are looked up. Only what is new is decoded as a message.
"""

from __future__ import annotations

import base64
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.otlp import reading
from anomaly_dataplane.ingest.otlp.attributes import Attribute, check_size, resource_labels
from anomaly_dataplane.ingest.otlp.messages_pb2 import (
    AnyValue,
    ExportMetricsServiceRequest,
    HistogramDataPoint,
    KeyValue,
    Metric,
    NumberDataPoint,
    Points,
    Resource,
    ResourceMetrics,
    ScopeMetrics,
)
from anomaly_dataplane.ingest.otlp.points import (
    CUMULATIVE,
    NO_RECORDED_VALUE,
    UNSUPPORTED,
    SeriesOfPoints,
    add,
    reject,
    time_ms,
)
from anomaly_dataplane.ingest.parsed import BadSample, Cause, Parsed, too_many
from anomaly_dataplane.ingest.protobuf import check_parts
from anomaly_dataplane.ingest.spellings import Spellings
from anomaly_dataplane.sample import Batch
from anomaly_dataplane.series import Series, SeriesTable

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class _Origin:
    """A resource, by a number that no other gets as long as the parser lives."""

    number: int
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Described:
    """What a metric says beside its points.

    Attributes:
        grows: its values are cumulative and never fall.
        prefix: what the spelling of each of its series starts with.
    """

    origin: _Origin
    name: str
    kind: str
    grows: bool
    prefix: bytes


class BinaryParser:
    """Parses requests of at most `max_samples` samples."""

    def __init__(self, table: SeriesTable, max_samples: int) -> None:
        self._series = SeriesOfPoints(table)
        self._max_samples = max_samples
        self._origins: Spellings[_Origin] = Spellings()
        self._numbered = 0
        self._metrics: Spellings[_Described] = Spellings()
        self._numbers: Spellings[Series] = Spellings()
        self._histograms: Spellings[tuple[Series, Series]] = Spellings()
        self._time = array("q", [0])
        self._figures = array("d", [0.0, 0.0, 0.0])
        self._last, self._last_ms = 0, 0.0

    def parse(self, body: bytes) -> Parsed:
        """The samples of a body; there may be none.

        Raises:
            BadPayload: nothing of it can be used.
        """
        parsed = Parsed(Batch([], [], [], len(body)))
        request = self._decode(ExportMetricsServiceRequest, body)
        for spelled in request.resource_metrics:
            metrics = self._decode(ResourceMetrics, spelled)
            origin = self._origin(metrics.resource)
            for scope in metrics.scope_metrics:
                for metric in self._decode(ScopeMetrics, scope).metrics:
                    self._metric(metric, origin, parsed)
        return parsed

    def _decode(self, kind: type[M], spelled: bytes, levels: int = 1) -> M:
        check_parts(spelled, self._max_samples, levels)
        try:
            return kind.FromString(spelled)
        except DecodeError:
            raise BadPayload(
                "the body is no ExportMetricsServiceRequest in UTF-8, or is cut short"
            ) from None

    def _origin(self, spelled: bytes) -> _Origin:
        origin = self._origins.known.get(spelled)
        if origin is None:
            try:
                check_size(len(spelled))
            except BadSample as bad:
                raise BadPayload(f"a resource {bad.reason}") from None
            found = _attributes(self._decode(Resource, spelled).attributes)
            self._numbered += 1
            origin = _Origin(self._numbered, resource_labels(found))
            self._origins.remember(spelled, origin)
        return origin

    def _metric(self, spelled: bytes, origin: _Origin, parsed: Parsed) -> None:
        points: list[bytes] = []
        said = reading.metric(spelled, points, self._max_samples)
        metric = None
        if said is not None:
            said = b"%d %b" % (origin.number, said)
            metric = self._metrics.known.get(said)
        if metric is None:
            # Its points are decoded with it, as many as there are.
            message = self._decode(Metric, spelled, levels=2)
            metric, points = _described(message, origin), list(_points(message))
            if said is not None:
                self._metrics.remember(said, metric)
        if len(points) + parsed.total > self._max_samples:
            raise too_many(self._max_samples)
        if metric.kind in UNSUPPORTED:
            for _ in points:
                reject(parsed, Cause.UNSUPPORTED, metric.name, UNSUPPORTED[metric.kind])
        elif metric.kind == "histogram":
            self._take_histograms(metric, points, parsed)
        else:
            self._take_numbers(metric, points, parsed)

    def _time_ms(self, nanos: int) -> float:
        """`time_ms`, for the points of one request mostly share theirs."""
        if nanos != self._last:
            self._last_ms = time_ms(nanos)
            self._last = nanos
        return self._last_ms

    def _take_numbers(self, metric: _Described, points: Sequence[bytes], parsed: Parsed) -> None:
        """Add the points of a gauge or a sum."""
        batch = parsed.batch
        series_by, prefix = self._numbers.known.get, metric.prefix
        time, value = self._time, self._figures
        for spelled in points:
            attributes = reading.number(spelled, time, value)
            series = None if attributes is None else series_by(prefix + attributes)
            number = value[0]
            if series is None or number - number != 0.0:
                self._take_number(metric, spelled, attributes, parsed)
                continue
            try:
                at_ms = self._last_ms if time[0] == self._last else self._time_ms(time[0])
            except BadSample as bad:
                reject(parsed, bad.cause, metric.name, bad.reason)
                continue
            batch.series.append(series)
            batch.times.append(at_ms)
            batch.values.append(number)

    def _take_number(
        self, metric: _Described, spelled: bytes, attributes: bytes | None, parsed: Parsed
    ) -> None:
        """Add a point whose series is not known, or that says something rare."""
        point = self._decode(NumberDataPoint, spelled)
        try:
            found = _point_attributes(point.attributes)
            series = self._series.one(
                metric.name, metric.origin.labels, found, cumulative=metric.grows
            )
            if attributes is not None:
                self._numbers.remember(metric.prefix + attributes, series)
            at_ms = time_ms(point.time_unix_nano)
            if point.flags & NO_RECORDED_VALUE:
                parsed.closed.append((series, at_ms))
                return
            which = point.WhichOneof("value")
            if which is None:
                raise BadSample(Cause.VALUE, "a point has no value")
            add(parsed, series, at_ms, float(getattr(point, which)))
        except BadSample as bad:
            reject(parsed, bad.cause, metric.name, bad.reason)
        except DecodeError:
            reject(parsed, Cause.SYNTAX, metric.name, "an attribute is none in UTF-8")

    def _take_histograms(self, metric: _Described, points: Sequence[bytes], parsed: Parsed) -> None:
        """Add count and sum of a histogram's points."""
        time, figures = self._time, self._figures
        for spelled in points:
            attributes = reading.histogram(spelled, time, figures)
            pair = None
            if attributes is not None:
                pair = self._histograms.known.get(metric.prefix + attributes)
            if pair is None:
                self._take_histogram(metric, spelled, attributes, parsed)
            else:
                try:
                    at_ms = self._time_ms(time[0])
                except BadSample as bad:
                    reject(parsed, bad.cause, metric.name, bad.reason)
                    continue
                counts, sums = pair
                add(parsed, counts, at_ms, figures[0])
                if figures[2]:
                    add(parsed, sums, at_ms, figures[1])
            if parsed.total > self._max_samples:
                raise too_many(self._max_samples)

    def _take_histogram(
        self, metric: _Described, spelled: bytes, attributes: bytes | None, parsed: Parsed
    ) -> None:
        """Add a point whose series are not known, or that says something rare."""
        point = self._decode(HistogramDataPoint, spelled)
        try:
            found = _point_attributes(point.attributes)
            counts, sums = (
                self._series.one(
                    metric.name, metric.origin.labels, found, cumulative=metric.grows, part=part
                )
                for part in ("_count", "_sum")
            )
            if attributes is not None:
                self._histograms.remember(metric.prefix + attributes, (counts, sums))
            at_ms = time_ms(point.time_unix_nano)
        except BadSample as bad:
            reject(parsed, bad.cause, metric.name, bad.reason)
            return
        except DecodeError:
            reject(parsed, Cause.SYNTAX, metric.name, "an attribute is none in UTF-8")
            return
        if point.flags & NO_RECORDED_VALUE:
            parsed.closed += [(counts, at_ms), (sums, at_ms)]
            return
        add(parsed, counts, at_ms, float(point.count))
        if point.HasField("sum"):
            add(parsed, sums, at_ms, point.sum)


def _points(message: Metric) -> Sequence[bytes]:
    kind = message.WhichOneof("data")
    return getattr(message, kind).data_points if kind is not None else ()


def _described(message: Metric, origin: _Origin) -> _Described:
    kind = message.WhichOneof("data") or "gauge"
    data: Points = getattr(message, kind)
    grows = data.aggregation_temporality == CUMULATIVE
    if kind != "histogram":
        grows = grows and kind == "sum" and data.is_monotonic
    return _Described(origin, message.name, kind, grows, _prefix(origin, message.name, grows))


def _prefix(origin: _Origin, name: str, grows: bool) -> bytes:
    """What the spelling of a series starts with; 0xff is no part of a name in UTF-8."""
    return b"%d %d %b\xff" % (origin.number, grows, name.encode())


def _point_attributes(spelled: Sequence[bytes]) -> list[Attribute]:
    check_size(sum(map(len, spelled)))
    return _attributes(map(KeyValue.FromString, spelled))


def _attributes(attributes: Iterable[KeyValue]) -> list[Attribute]:
    return [(attribute.key, _value(attribute.value)) for attribute in attributes]


def _value(value: AnyValue) -> object:
    """A value as Python has it; bytes as base64, as in JSON."""
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return [_value(each) for each in value.array_value.values]
    if which == "kvlist_value":
        return {each.key: _value(each.value) for each in value.kvlist_value.values}
    if which == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    found: object = getattr(value, which)
    return found
