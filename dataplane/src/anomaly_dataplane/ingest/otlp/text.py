"""OTLP in JSON. Bytes in, columns out.

Keys are in camelCase, what is not known is ignored, and whole numbers of 64 bits come as numbers or
as text. The attributes of a point are left as text until their series is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.otlp.attributes import Attribute, check_size, resource_labels
from anomaly_dataplane.ingest.otlp.points import (
    CUMULATIVE,
    DELTA,
    NO_RECORDED_VALUE,
    UNSUPPORTED,
    SeriesOfPoints,
    add,
    reject,
    time_ms,
)
from anomaly_dataplane.ingest.parsed import BadSample, Cause, Parsed, too_many
from anomaly_dataplane.ingest.spellings import Spellings
from anomaly_dataplane.sample import Batch
from anomaly_dataplane.series import Series, SeriesTable

_BRACES_PER_SAMPLE = 24
"""One for the point and two for each attribute, of which honest points have far fewer."""

_TEMPORALITIES = {
    "AGGREGATION_TEMPORALITY_UNSPECIFIED": 0,
    "AGGREGATION_TEMPORALITY_DELTA": DELTA,
    "AGGREGATION_TEMPORALITY_CUMULATIVE": CUMULATIVE,
}
_PLAIN_VALUES = frozenset({"stringValue", "boolValue", "bytesValue"})
_NO_ATTRIBUTES = msgspec.Raw(b"[]")

_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError)


class _Object(msgspec.Struct, rename="camel", gc=False):
    """An object of the protocol; null stands for what is not there."""


class _Point(_Object):
    time_unix_nano: int | str | None = None
    as_double: float | str | None = None
    as_int: int | str | None = None
    count: int | str | None = None
    sum: float | str | None = None
    attributes: msgspec.Raw = _NO_ATTRIBUTES
    flags: int | str | None = None


class _Data(_Object):
    data_points: list[_Point] | None = None
    aggregation_temporality: int | str | None = None
    is_monotonic: bool | None = None


class _Metric(_Object):
    name: str | None = None
    gauge: _Data | None = None
    sum: _Data | None = None
    histogram: _Data | None = None
    exponential_histogram: _Data | None = None
    summary: _Data | None = None


class _Scope(_Object):
    metrics: list[_Metric] | None = None


class _Resource(_Object):
    attributes: msgspec.Raw = _NO_ATTRIBUTES


class _ResourceMetrics(_Object):
    resource: _Resource | None = None
    scope_metrics: list[_Scope] | None = None


class _Request(_Object):
    resource_metrics: list[_ResourceMetrics] | None = None


class _KeyValue(_Object):
    key: str | None = None
    value: dict[str, Any] | None = None


_requests = msgspec.json.Decoder(_Request)
_key_values = msgspec.json.Decoder(list[_KeyValue] | None)


@dataclass(frozen=True, slots=True)
class _Family:
    """What the points of a metric have in common."""

    name: str
    resource: Mapping[str, str]
    grows: bool

    def spell(self, part: str, attributes: bytes) -> bytes:
        """The spelling of a series; 0xff is no part of text in UTF-8."""
        words = (part, str(self.grows), self.name, *self.resource, *self.resource.values())
        return b"\xff".join([*(word.encode(errors="replace") for word in words), attributes])


class TextParser:
    """Parses requests of at most `max_samples` samples."""

    def __init__(self, table: SeriesTable, max_samples: int) -> None:
        self._series = SeriesOfPoints(table)
        self._max_samples = max_samples
        self._spellings: Spellings[Series] = Spellings()

    def parse(self, body: bytes) -> Parsed:
        """The samples of a body; there may be none.

        Raises:
            BadPayload: nothing of it can be used.
        """
        if body.count(b"{") > self._max_samples * _BRACES_PER_SAMPLE:
            raise too_many(self._max_samples)
        parsed = Parsed(Batch([], [], [], len(body)))
        try:
            for metrics in _requests.decode(body).resource_metrics or ():
                attributes = metrics.resource.attributes if metrics.resource else _NO_ATTRIBUTES
                resource = resource_labels(_attributes(bytes(attributes)))
                for scope in metrics.scope_metrics or ():
                    for metric in scope.metrics or ():
                        self._metric(metric, resource, parsed)
        except (*_FAULTS, BadSample) as fault:
            # A BadSample is of something that is said of many: a resource, or a metric.
            raise BadPayload(
                f"the body is no ExportMetricsServiceRequest in JSON: {str(fault)[:200]}"
            ) from None
        return parsed

    def _metric(self, metric: _Metric, resource: Mapping[str, str], parsed: Parsed) -> None:
        name = metric.name or ""
        family = _Family(name, resource, grows=False)
        for point in _points(metric.gauge):
            self._take(family, point, {"": _number(point)}, parsed)
        grows = _cumulative(metric.sum) and bool(metric.sum and metric.sum.is_monotonic)
        family = _Family(name, resource, grows)
        for point in _points(metric.sum):
            self._take(family, point, {"": _number(point)}, parsed)
        family = _Family(name, resource, _cumulative(metric.histogram))
        for point in _points(metric.histogram):
            values: dict[str, float | str | None] = {"_count": point.count or 0}
            if point.sum is not None:
                values["_sum"] = point.sum
            self._take(family, point, values, parsed)
        for kind, why in UNSUPPORTED.items():
            for _ in _points(getattr(metric, kind)):
                reject(parsed, Cause.UNSUPPORTED, name, why)
        if parsed.total > self._max_samples:
            raise too_many(self._max_samples)

    def _take(
        self,
        family: _Family,
        point: _Point,
        values: Mapping[str, float | str | None],
        parsed: Parsed,
    ) -> None:
        """Add the values of a point, by the end that the name gets for each."""
        try:
            at_ms = time_ms(_whole(point.time_unix_nano))
            ended = _whole(point.flags) & NO_RECORDED_VALUE
            numbers = {part: None if ended else _float(value) for part, value in values.items()}
            series = [self._find(family, part, bytes(point.attributes)) for part in numbers]
        except BadSample as bad:
            reject(parsed, bad.cause, family.name, bad.reason)
            return
        for each, number in zip(series, numbers.values(), strict=True):
            if number is None:
                parsed.closed.append((each, at_ms))
            else:
                add(parsed, each, at_ms, number)

    def _find(self, family: _Family, part: str, attributes: bytes) -> Series:
        spelling = family.spell(part, attributes)
        series = self._spellings.known.get(spelling)
        if series is None:
            series = self._series.one(
                family.name,
                family.resource,
                _attributes(attributes),
                cumulative=family.grows,
                part=part,
            )
            self._spellings.remember(spelling, series)
        return series


def _points(data: _Data | None) -> list[_Point]:
    return (data.data_points or []) if data is not None else []


def _cumulative(data: _Data | None) -> bool:
    said = data.aggregation_temporality if data is not None else None
    if isinstance(said, str) and said in _TEMPORALITIES:
        return _TEMPORALITIES[said] == CUMULATIVE
    return said is not None and _whole(said) == CUMULATIVE


def _number(point: _Point) -> float | str | None:
    return point.as_double if point.as_double is not None else point.as_int


def _whole(said: int | str | None) -> int:
    """A whole number of 64 bits, which may come as text.

    Raises:
        BadSample: it is none.
    """
    try:
        return int(said or 0)
    except ValueError:
        raise BadSample(Cause.FIELD, f"{str(said)[:40]!r} is no whole number") from None


def _float(said: float | str | None) -> float:
    """A number, which may come as text; "NaN" and "Infinity" can come in no other way.

    Raises:
        BadSample: it is none.
    """
    if said is None:
        raise BadSample(Cause.VALUE, "a point has no value")
    try:
        return float(said)
    except (ValueError, OverflowError):
        raise BadSample(Cause.VALUE, f"{str(said)[:40]!r} is no number") from None


def _attributes(spelled: bytes) -> list[Attribute]:
    check_size(len(spelled))
    return [
        (each.key or "", _value(each.value or {})) for each in _key_values.decode(spelled) or ()
    ]


def _value(value: object) -> object:
    """A value as Python has it."""
    if not isinstance(value, dict):
        return None
    for kind, inner in value.items():
        if kind == "intValue":
            return _whole(inner if isinstance(inner, int | str) else None)
        if kind == "doubleValue":
            return _float(inner if isinstance(inner, int | float | str) else None)
        if kind == "arrayValue":
            return [_value(each) for each in _values(inner)]
        if kind == "kvlistValue":
            return {
                str(each.get("key", "")): _value(each.get("value"))
                for each in _values(inner)
                if isinstance(each, dict)
            }
        if kind in _PLAIN_VALUES:
            return inner
    return None


def _values(array: object) -> list[object]:
    values = array.get("values") if isinstance(array, dict) else None
    return values if isinstance(values, list) else []
