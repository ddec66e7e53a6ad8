"""Clients that collect by themselves: Prometheus scrapes, OpenTelemetry's SDK calls back.

Like those of `clients.py`; what each was given to send is what it has collected. The sample that no
pod takes has a label that is too long, for the time is theirs to say.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.common import http
from opentelemetry.exporter.otlp.json.http.metric_exporter import (
    OTLPMetricExporter as JsonExporter,
)
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as ProtobufExporter,
)
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from anomaly_dataplane.ingest.known_series import MAX_LABEL_VALUE_LENGTH
from anomaly_dataplane.series import Series
from clients import BAD_METRIC, Sent
from polling import eventually
from prometheus_sender import Prometheus, a_prometheus, remote_write, settled

DEVICES = 3
BAD_LABEL = "x" * (MAX_LABEL_VALUE_LENGTH + 1)


class Exporter(ThreadingHTTPServer):
    """Shows a gauge of each device to whoever scrapes it, and a bad one if `bad` is set."""

    daemon_threads = True
    bad = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)

    def page(self) -> bytes:
        value = time.time() % 17
        lines = [f'scraped_load{{device="d-{n}"}} {value + n}' for n in range(DEVICES)]
        if self.bad:
            lines.insert(1, f'{BAD_METRIC}{{text="{BAD_LABEL}"}} 1')
        return ("\n".join(lines) + "\n").encode()


class _Page(BaseHTTPRequestHandler):
    server: Exporter

    def do_GET(self) -> None:
        page = self.server.page()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # a scrape that has waited for too long
            self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class PrometheusWriter:
    """A Prometheus that runs already."""

    def __init__(self, version: str, running: Prometheus, exporter: Exporter) -> None:
        self.name = f"Prometheus, remote write {version}"
        self._running = running
        self._exporter = exporter

    def start(self) -> None:
        """It runs."""

    def stop(self) -> None:
        self._running.stop_scraping()
        settled(self._running)

    def sent(self) -> Sent:
        found: Sent = {}
        for labels, samples in self._running.scraped().items():
            named = dict(labels)
            metric = named.pop("__name__")
            if metric != BAD_METRIC:
                found[Series(metric, named, 4)] = samples
        return found

    def told(self) -> str:
        lines = self._running.said().splitlines()
        return "\n".join(line for line in lines if "non-recoverable error" in line)

    def refused(self) -> int:
        return int(self._running.refused())

    def send_bad_sample(self) -> None:
        """For one scrape or two, until it has heard of it."""
        self._exporter.bad = True
        eventually("a sample is refused", self._running.refused)
        self._exporter.bad = False


@contextmanager
def prometheus_writer(
    folder: Path, url: str, version: str, token: str
) -> Iterator[PrometheusWriter]:
    """Run a Prometheus that scrapes an exporter of its own."""
    folder.mkdir()
    (folder / "token").write_text(token)
    write = remote_write(url, version)
    write["authorization"] = {"credentials_file": str(folder / "token")}
    # Else so few samples are sent every five seconds, and an outage may pass between.
    write["queue_config"]["batch_send_deadline"] = "500ms"
    with exporting(Exporter()) as exporter:
        targets = {"exporter": exporter.server_port}
        with a_prometheus(folder, write, targets, itself=False) as running:
            yield PrometheusWriter(version, running, exporter)


@contextmanager
def exporting(exporter: Exporter) -> Iterator[Exporter]:
    """Serve an exporter while the body runs."""
    with exporter:
        serving = threading.Thread(target=exporter.serve_forever)
        serving.start()
        try:
            yield exporter
        finally:
            exporter.shutdown()
            serving.join()


class _Heard(logging.Handler):
    """Keeps what a logger says of errors."""

    def __init__(self, logger: str) -> None:
        super().__init__(logging.ERROR)
        self.logger = logging.getLogger(logger)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def patient_sdk() -> Iterator[None]:
    """Have OpenTelemetry's SDK try for as long as a busy machine takes to start a pod.

    Left to itself it gives an export up after half a minute of refused connections.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "_MAX_RETRIES", 100)
        patch.setattr(http._OTLPHTTPClient, "_compute_backoff", lambda *_: 1.0)
        yield


class OpenTelemetryPython:
    """An application with the SDK, which exports twice a second."""

    def __init__(self, encoding: str, url: str, token: str) -> None:
        self.name = f"OpenTelemetry SDK for Python, {encoding}"
        self._json = encoding == "JSON"
        exporter: Any = (JsonExporter if self._json else ProtobufExporter)(
            endpoint=f"{url}/v1/metrics",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )
        self._exporter = exporter
        self._export, exporter.export = exporter.export, self._note_export
        # The SDK does not look into a 200, so what it is told there is taken from the wire.
        transport = exporter._client._transport
        self._request, transport.request = transport.request, self._note_answer
        self._resource = Resource({"service.name": "matrix", "service.instance.id": encoding})
        self._series: dict[str, Series] = {}
        self._given: Sent = defaultdict(dict)
        self._bad = False
        self._failed = 0
        self._rejected = 0
        self._heard = _Heard(type(exporter).__module__)

    def start(self) -> None:
        self._heard.logger.addHandler(self._heard)
        reader = PeriodicExportingMetricReader(
            self._exporter, export_interval_millis=500, export_timeout_millis=120_000
        )
        self._provider = MeterProvider([reader], resource=self._resource)
        meter = self._provider.get_meter("tests")
        meter.create_observable_gauge("observed.load", [self._observe])
        meter.create_observable_gauge(BAD_METRIC, [self._observe_bad])

    def stop(self) -> None:
        self._provider.shutdown(timeout_millis=120_000)
        self._heard.logger.removeHandler(self._heard)

    def sent(self) -> Sent:
        return self._given

    def told(self) -> str:
        return "\n".join(self._heard.lines)

    def refused(self) -> int:
        return self._failed + self._rejected

    def send_bad_sample(self) -> None:
        self._bad = True

    def _observe(self, _: CallbackOptions) -> list[Observation]:
        value = time.time() % 17
        return [Observation(value + n, {"device": f"d-{n}"}) for n in range(DEVICES)]

    def _observe_bad(self, _: CallbackOptions) -> list[Observation]:
        bad, self._bad = self._bad, False
        return [Observation(1.0, {"text": BAD_LABEL})] if bad else []

    def _note_export(self, data: Any, *args: Any, **kwargs: Any) -> MetricExportResult:
        points = 0
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name != BAD_METRIC:
                        points += self._note(metric.data.data_points)
        result: MetricExportResult = self._export(data, *args, **kwargs)
        if result is not MetricExportResult.SUCCESS:
            self._failed += points
        return result

    def _note(self, points: Any) -> int:
        for point in points:
            # As a pod reads it: to the microsecond.
            at = (point.time_unix_nano / 1e3 + 0.5) // 1.0 / 1e3
            self._given[self._series_of(point.attributes["device"])][at] = point.value
        return len(points)

    def _series_of(self, device: str) -> Series:
        # A series is compared by identity, so each is made once.
        if device not in self._series:
            labels = {
                name.replace(".", "_"): str(value)
                for name, value in self._resource.attributes.items()
            }
            self._series[device] = Series("observed_load", {**labels, "device": device}, 4)
        return self._series[device]

    def _note_answer(self, *args: Any, **kwargs: Any) -> Any:
        result = self._request(*args, **kwargs)
        if result.status_code == 200:
            if self._json:
                partly = result.json().get("partialSuccess", {})
                self._rejected += int(partly.get("rejectedDataPoints", 0))
            else:
                answer = ExportMetricsServiceResponse.FromString(result.content())
                self._rejected += answer.partial_success.rejected_data_points
        return result
