"""OTLP written with the official messages, in protobuf and by them in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

DELTA, CUMULATIVE = 1, 2

RESOURCE = {"service.name": "boiler", "service.instance.id": "b-1", "telemetry.sdk.name": "x"}


def any_value(value: object) -> AnyValue:
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=attributes(value)))
    return AnyValue(string_value=str(value))


def attributes(values: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def point(
    ms: float, value: Any, labels: Mapping[str, object] | None = None, **more: Any
) -> dict[str, Any]:
    """A point of a gauge or a sum, as arguments of its message."""
    kind = "as_int" if isinstance(value, int) else "as_double"
    valued = {} if value is None else {kind: value}
    return {
        "time_unix_nano": round(ms * 1e6),
        "attributes": attributes(labels or {}),
        **valued,
        **more,
    }


def a_metric(name: str, kind: str, data: dict[str, Any]) -> Metric:
    """A metric of any kind; `data` holds the arguments of its message."""
    arguments: dict[str, Any] = {"name": name, kind: data}
    return Metric(**arguments)


def gauge(name: str, *points: dict[str, Any]) -> Metric:
    return a_metric(name, "gauge", {"data_points": points})


def total(name: str, *points: dict[str, Any], temporality: int, monotonic: bool) -> Metric:
    data = {
        "data_points": points,
        "aggregation_temporality": temporality,
        "is_monotonic": monotonic,
    }
    return a_metric(name, "sum", data)


def request(
    *metrics: Metric, resource: Mapping[str, object] | None = None
) -> ExportMetricsServiceRequest:
    described = Resource(attributes=attributes(RESOURCE if resource is None else resource))
    scopes = [ScopeMetrics(metrics=metrics)]
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(resource=described, scope_metrics=scopes)]
    )


def as_json(message: ExportMetricsServiceRequest, *, numbers: bool = False) -> bytes:
    """A request as OTLP has it in JSON: enumerations and, if asked for, all else as numbers."""
    document = MessageToDict(message, use_integers_for_enums=True)
    return json.dumps(_numbers(document) if numbers else document).encode()


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        wanted = ("timeUnixNano", "startTimeUnixNano", "asInt", "intValue", "count")
        return {
            key: int(inner) if key in wanted and isinstance(inner, str) else _numbers(inner)
            for key, inner in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_numbers(inner) for inner in value]
    return value
