"""OTLP in protobuf. Bytes in, columns out.

A point is written in the order of its fields: times and value, which have fixed sizes, and then the
attributes. So the rest of a point is the spelling of its series; that it is whole attributes and
nothing else is made sure when a spelling is learnt.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.otlp.attributes import Attribute, resource_labels
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

_START_TAG = 0x11
_START_BYTES = 9
_USUAL = struct.Struct("<BQBd")
"""Tag of the time, time, tag of the value, value."""
_TIME_TAG, _DOUBLE_TAG, _INT_TAG = 0x19, 0x21, 0x31
_VALUE_AT = 10
_USUAL_BYTES = _USUAL.size

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class _Origin:
    """A resource, by a number that no other gets as long as the parser lives."""

    number: int
    labels: Mapping[str, str]


class BinaryParser:
    """Parses requests of at most `max_samples` samples."""

    def __init__(self, table: SeriesTable, max_samples: int) -> None:
        self._series = SeriesOfPoints(table)
        self._max_samples = max_samples
        self._origins: Spellings[_Origin] = Spellings()
        self._numbered = 0
        self._numbers: Spellings[Series] = Spellings()
        self._histograms: Spellings[tuple[Series, Series]] = Spellings()

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
                    self._metric(self._decode(Metric, metric), origin, parsed)
        return parsed

    def _decode(self, kind: type[M], spelled: bytes) -> M:
        check_parts(spelled, self._max_samples)
        try:
            return kind.FromString(spelled)
        except DecodeError:
            raise BadPayload(
                "the body is no ExportMetricsServiceRequest in UTF-8, or is cut short"
            ) from None

    def _origin(self, spelled: bytes) -> _Origin:
        origin = self._origins.known.get(spelled)
        if origin is None:
            found = _attributes(self._decode(Resource, spelled).attributes)
            self._numbered += 1
            origin = _Origin(self._numbered, resource_labels(found))
            self._origins.remember(spelled, origin)
        return origin

    def _metric(self, metric: Metric, origin: _Origin, parsed: Parsed) -> None:
        kind = metric.WhichOneof("data")
        if kind is None:
            return
        data: Points = getattr(metric, kind)
        if len(data.data_points) + parsed.total > self._max_samples:
            raise too_many(self._max_samples)
        if kind in UNSUPPORTED:
            for _ in data.data_points:
                reject(parsed, Cause.UNSUPPORTED, metric.name, UNSUPPORTED[kind])
            return
        grows = data.aggregation_temporality == CUMULATIVE
        if kind == "histogram":
            self._take_histograms(metric.name, data.data_points, origin, grows, parsed)
            return
        grows = grows and kind == "sum" and data.is_monotonic
        self._take_numbers(metric.name, data.data_points, origin, grows, parsed)

    def _take_numbers(
        self, name: str, points: Sequence[bytes], origin: _Origin, grows: bool, parsed: Parsed
    ) -> None:
        """Add the points of a gauge or a sum."""
        add_series = parsed.batch.series.append
        add_time = parsed.batch.times.append
        add_value = parsed.batch.values.append
        series_by = self._numbers.known.get
        prefix = _prefix(origin, name, grows)
        read = _USUAL.unpack_from
        last, last_ms = 0, 0.0
        for spelled in points:
            at = _START_BYTES if spelled and spelled[0] == _START_TAG else 0
            end = at + _USUAL_BYTES
            series = series_by(prefix + spelled[end:])
            if series is not None and len(spelled) >= end:
                time_tag, nanos, value_tag, value = read(spelled, at)
                if value_tag == _INT_TAG:
                    value = float(
                        int.from_bytes(spelled[at + _VALUE_AT : end], "little", signed=True)
                    )
                    value_tag = _DOUBLE_TAG
                if time_tag == _TIME_TAG and value_tag == _DOUBLE_TAG and value - value == 0.0:
                    if nanos != last:
                        try:
                            last_ms = time_ms(nanos)
                        except BadSample as bad:
                            reject(parsed, bad.cause, name, bad.reason)
                            continue
                        last = nanos
                    add_series(series)
                    add_time(last_ms)
                    add_value(value)
                    continue
            self._take_number(name, spelled, origin, grows, parsed)

    def _take_number(
        self, name: str, spelled: bytes, origin: _Origin, grows: bool, parsed: Parsed
    ) -> None:
        """Add a point whose series is not known, or that is not written as usual."""
        point = self._decode(NumberDataPoint, spelled)
        try:
            attributes = _attributes(map(KeyValue.FromString, point.attributes))
            series = self._series.one(name, origin.labels, attributes, cumulative=grows)
            self._learn(spelled, _prefix(origin, name, grows), series)
            at_ms = time_ms(point.time_unix_nano)
            if point.flags & NO_RECORDED_VALUE:
                parsed.closed.append((series, at_ms))
                return
            which = point.WhichOneof("value")
            if which is None:
                raise BadSample(Cause.VALUE, "a point has no value")
            add(parsed, series, at_ms, float(getattr(point, which)))
        except BadSample as bad:
            reject(parsed, bad.cause, name, bad.reason)
        except DecodeError:
            reject(parsed, Cause.SYNTAX, name, "an attribute is none in UTF-8")

    def _learn(self, spelled: bytes, prefix: bytes, series: Series) -> None:
        """Remember the attributes of a point that is written as usual."""
        end = _USUAL_BYTES + (_START_BYTES if spelled and spelled[0] == _START_TAG else 0)
        if len(spelled) < end or spelled[end - _USUAL_BYTES] != _TIME_TAG:
            return
        if spelled[end - _USUAL_BYTES + _VALUE_AT - 1] not in (_DOUBLE_TAG, _INT_TAG):
            return
        try:
            rest = NumberDataPoint.FromString(spelled[end:])
        except DecodeError:
            return
        if rest.WhichOneof("value") is None and not rest.time_unix_nano and not rest.flags:
            self._numbers.remember(prefix + spelled[end:], series)

    def _take_histograms(
        self, name: str, points: Sequence[bytes], origin: _Origin, grows: bool, parsed: Parsed
    ) -> None:
        """Add sum and count of a histogram's points."""
        prefix = _prefix(origin, name, grows)
        for spelled in points:
            point = self._decode(HistogramDataPoint, spelled)
            try:
                counts, sums = self._pair(name, prefix, point.attributes, origin, grows)
                at_ms = time_ms(point.time_unix_nano)
            except BadSample as bad:
                reject(parsed, bad.cause, name, bad.reason)
                continue
            except DecodeError:
                reject(parsed, Cause.SYNTAX, name, "an attribute is none in UTF-8")
                continue
            if point.flags & NO_RECORDED_VALUE:
                parsed.closed += [(counts, at_ms), (sums, at_ms)]
                continue
            add(parsed, counts, at_ms, float(point.count))
            if point.HasField("sum"):
                add(parsed, sums, at_ms, point.sum)
            if parsed.total > self._max_samples:
                raise too_many(self._max_samples)

    def _pair(
        self, name: str, prefix: bytes, spelled: Sequence[bytes], origin: _Origin, grows: bool
    ) -> tuple[Series, Series]:
        """The series of a histogram's count and sum."""
        spelling = prefix + b"".join(len(each).to_bytes(4, "little") + each for each in spelled)
        pair = self._histograms.known.get(spelling)
        if pair is None:
            attributes = _attributes(map(KeyValue.FromString, spelled))
            counts, sums = (
                self._series.one(name, origin.labels, attributes, cumulative=grows, part=part)
                for part in ("_count", "_sum")
            )
            pair = counts, sums
            self._histograms.remember(spelling, pair)
        return pair


def _prefix(origin: _Origin, name: str, grows: bool) -> bytes:
    """What the spelling of a series starts with; 0xff is no part of a name in UTF-8."""
    return b"%d %d %b\xff" % (origin.number, grows, name.encode())


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
