"""Senders of each wire protocol, for the suite that runs over all of them.

Each writes its bodies by hand or by an independent library, never with code of the parser.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import cramjam
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from anomaly_dataplane.contract.config import IngestProtocol
from otlp_writer import as_json, gauge, point, request, total
from protobuf_writer import RequestV2, request_v1, series_v1
from running_pod import Answer


@dataclass(frozen=True, slots=True)
class Told:
    """A sample as every protocol can say it.

    Attributes:
        metric: two words or more with `_` between, as some protocols know only those.
        time_ms: whole milliseconds, as some know only those.
    """

    metric: str
    value: float
    time_ms: int
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """A request."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Speaker(Protocol):
    """Says samples in one protocol, and reads what is answered."""

    @property
    def protocol(self) -> IngestProtocol: ...

    @property
    def label(self) -> str:
        """Of the protocol in metrics."""
        ...

    @property
    def success(self) -> int:
        """The status when all is well."""
        ...

    @property
    def partial(self) -> int:
        """The status when a sample of several is rejected."""
        ...

    def say(self, told: Sequence[Told]) -> Said:
        """A request that brings these samples."""
        ...

    def say_with_a_bad_one(self, told: Sequence[Told]) -> Said:
        """The same with one more in the middle that nobody can take."""
        ...

    def say_rubbish(self) -> Said:
        """A request whose body is nothing of the protocol."""
        ...

    def reason(self, answer: Answer) -> str:
        """What an answer says went wrong, in the protocol's own form for errors."""
        ...


@dataclass(frozen=True)
class JsonSpeaker:
    """The native protocol."""

    protocol: IngestProtocol = IngestProtocol.JSON
    label: str = "json"
    success: int = 200
    partial: int = 200

    def __str__(self) -> str:
        return self.protocol

    def say(self, told: Sequence[Told]) -> Said:
        return self._said([self._sample(each) for each in told])

    def say_with_a_bad_one(self, told: Sequence[Told]) -> Said:
        good = [self._sample(each) for each in told]
        half = len(good) // 2
        return self._said([*good[:half], {"metric": "bad", "value": "x"}, *good[half:]])

    def say_rubbish(self) -> Said:
        return Said("/api/v1/ingest", b"\0 rubbish {")

    def reason(self, answer: Answer) -> str:
        if answer.status == 200:
            errors = answer.json["errors"]
            assert isinstance(errors, list)
            return str(errors[0]["reason"])
        return answer.error

    def _sample(self, told: Told) -> dict[str, object]:
        return {
            "metric": told.metric,
            "labels": dict(told.labels),
            "timestamp": told.time_ms / 1e3,
            "value": told.value,
        }

    def _said(self, samples: list[dict[str, object]]) -> Said:
        return Said("/api/v1/ingest", json.dumps(samples).encode())


@dataclass(frozen=True)
class InfluxSpeaker:
    """Line protocol to one of InfluxDB's paths."""

    path: str
    protocol: IngestProtocol = IngestProtocol.INFLUX_LINE
    label: str = "influx"
    success: int = 204
    partial: int = 400

    def __str__(self) -> str:
        return self.path

    def say(self, told: Sequence[Told]) -> Said:
        return self._said([self._line(each) for each in told])

    def say_with_a_bad_one(self, told: Sequence[Told]) -> Said:
        good = [self._line(each) for each in told]
        half = len(good) // 2
        return self._said([*good[:half], "bad,line", *good[half:]])

    def say_rubbish(self) -> Said:
        return Said(self.path, b"\0 rubbish {")

    def reason(self, answer: Answer) -> str:
        if self.path.startswith("/api/v2"):
            assert answer.json["code"]
            return str(answer.json["message"])
        if self.path.startswith("/api/v3") and answer.json["data"]:
            data = answer.json["data"]
            assert isinstance(data, list)
            return str(data[0]["error_message"])
        return answer.error

    def _line(self, told: Told) -> str:
        measurement, _, field_name = told.metric.rpartition("_")
        tags = "".join(f",{name}={value}" for name, value in told.labels.items())
        return f"{measurement}{tags} {field_name}={told.value!r} {told.time_ms}000000"

    def _said(self, lines: list[str]) -> Said:
        precision = "?precision=ns" if self.path == "/api/v2/write" else ""
        return Said(self.path + precision, "\n".join(lines).encode())


@dataclass(frozen=True)
class RemoteWriteSpeaker:
    """Prometheus remote write 1.0, and 2.0 by its subclass."""

    protocol: IngestProtocol = IngestProtocol.PROMETHEUS_REMOTE_WRITE
    label: str = "remote_write"
    success: int = 204
    partial: int = 400

    def __str__(self) -> str:
        return type(self).__name__

    def say(self, told: Sequence[Told]) -> Said:
        return self._said(list(told))

    def say_with_a_bad_one(self, told: Sequence[Told]) -> Said:
        half = len(told) // 2
        return self._said([*told[:half], Told("", 1.0, told[0].time_ms), *told[half:]])

    def say_rubbish(self) -> Said:
        return Said("/api/v1/write", b"\0 rubbish {", self.headers())

    def reason(self, answer: Answer) -> str:
        assert answer.headers["Content-Type"].startswith("text/plain")
        return answer.text

    def headers(self) -> dict[str, str]:
        return {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }

    def message(self, told: list[Told]) -> bytes:
        return request_v1(*(series_v1(_pairs(each), (each.time_ms, each.value)) for each in told))

    def _said(self, told: list[Told]) -> Said:
        body = bytes(cramjam.snappy.compress_raw(self.message(told)))
        return Said("/api/v1/write", body, self.headers())


class RemoteWriteV2Speaker(RemoteWriteSpeaker):
    """Prometheus remote write 2.0."""

    def headers(self) -> dict[str, str]:
        return {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
            "X-Prometheus-Remote-Write-Version": "2.0.0",
        }

    def message(self, told: list[Told]) -> bytes:
        request = RequestV2()
        for each in told:
            request.add(_pairs(each), (each.time_ms, each.value))
        return request.encode()


def _pairs(told: Told) -> list[tuple[str, str]]:
    name = [("__name__", told.metric)] if told.metric else []
    return [*name, *sorted(told.labels.items())]


@dataclass(frozen=True)
class OtlpSpeaker:
    """OTLP/HTTP in protobuf, and in JSON by its subclass."""

    protocol: IngestProtocol = IngestProtocol.OTLP
    label: str = "otlp"
    success: int = 200
    partial: int = 200
    content_type: str = "application/x-protobuf"

    def say(self, told: Sequence[Told]) -> Said:
        return self._said([self._metric(each) for each in told])

    def say_with_a_bad_one(self, told: Sequence[Told]) -> Said:
        half = len(told) // 2
        bad = total("bad", point(0, 1.0), temporality=2, monotonic=True)
        good = [self._metric(each) for each in told]
        return self._said([*good[:half], bad, *good[half:]])

    def say_rubbish(self) -> Said:
        return Said("/v1/metrics", b"\0 rubbish {", {"Content-Type": self.content_type})

    def reason(self, answer: Answer) -> str:
        assert answer.headers["Content-Type"] == self.content_type
        if answer.status == 200:
            partly = ExportMetricsServiceResponse.FromString(answer.body).partial_success
            assert partly.rejected_data_points > 0
            return partly.error_message
        status = Status.FromString(answer.body)
        assert status.code != 0
        return str(status.message)

    def encode(self, metrics: list[Metric]) -> bytes:
        return request(*metrics, resource={}).SerializeToString()

    def _said(self, metrics: list[Metric]) -> Said:
        return Said("/v1/metrics", self.encode(metrics), {"Content-Type": self.content_type})

    def _metric(self, told: Told) -> Metric:
        return gauge(told.metric, point(told.time_ms, told.value, told.labels))


@dataclass(frozen=True)
class OtlpJsonSpeaker(OtlpSpeaker):
    """OTLP/HTTP in JSON."""

    content_type: str = "application/json"

    def encode(self, metrics: list[Metric]) -> bytes:
        return as_json(request(*metrics, resource={}))

    def reason(self, answer: Answer) -> str:
        assert answer.headers["Content-Type"] == self.content_type
        if answer.status == 200:
            partly = answer.json["partialSuccess"]
            assert isinstance(partly, dict)
            assert int(partly["rejectedDataPoints"]) > 0
            return str(partly["errorMessage"])
        assert isinstance(answer.json["code"], int)
        return str(answer.json["message"])


SPEAKERS: tuple[Speaker, ...] = (
    JsonSpeaker(),
    *map(InfluxSpeaker, ("/write", "/api/v2/write", "/api/v3/write_lp")),
    RemoteWriteSpeaker(),
    RemoteWriteV2Speaker(),
    OtlpSpeaker(),
    OtlpJsonSpeaker(),
)
