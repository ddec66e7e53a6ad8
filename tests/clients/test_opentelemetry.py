"""OpenTelemetry's SDK for Python exports to a pod, in protobuf and in JSON, through outages.

What the page tells people to put into the environment is what it runs with.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.json.http.metric_exporter import (
    OTLPMetricExporter as JsonExporter,
)
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as ProtobufExporter,
)
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from collecting_clients import patient_sdk
from outages import OUTAGE_SECONDS, Stack, a_stack
from polling import PATIENCE, eventually

pytestmark = [pytest.mark.senders, pytest.mark.redis]

PAGE = Path(__file__).parents[2] / "docs" / "protocols.md"
LABELS = {"service_name": "boiler", "service_instance_id": "b-1", "site": "a"}


def environment(stack: Stack) -> dict[str, str]:
    """What the page says, for this pod and with exports twice a second.

    But for the time-out: a busy machine takes longer to start a pod than a cluster does.
    """
    snippet = re.search(r"```sh\n(OTEL_METRICS_EXPORTER.*?)```", PAGE.read_text(), re.DOTALL)
    assert snippet is not None
    lines = [line for line in snippet[1].splitlines() if not line.startswith("#")]
    told = dict(line.split("=", 1) for line in lines)
    endpoint = told["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"]
    told["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] = (
        stack.url + "/" + endpoint.partition("/default/boiler-room/")[2]
    )
    assert int(told["OTEL_EXPORTER_OTLP_METRICS_TIMEOUT"]) > OUTAGE_SECONDS
    told["OTEL_EXPORTER_OTLP_METRICS_TIMEOUT"] = str(PATIENCE)
    return {**told, "OTEL_METRIC_EXPORT_INTERVAL": "500"}


class Recorded:
    """Notes of each export what was in it and whether the exporter says that it arrived."""

    def __init__(self, exporter: Any) -> None:
        self.gauge: dict[float, float] = {}
        self.points = 0
        self.failures = 0
        self._export = exporter.export
        exporter.export = self.export

    def export(self, data: Any, *args: Any, **kwargs: Any) -> MetricExportResult:
        result: MetricExportResult = self._export(data, *args, **kwargs)
        if result is not MetricExportResult.SUCCESS:
            self.failures += 1
            return result
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        # A histogram is two samples.
                        self.points += 2 if hasattr(point, "bucket_counts") else 1
                        if metric.name == "boiler.temperature":
                            at = (point.time_unix_nano / 1e3 + 0.5) // 1.0 / 1e3
                            self.gauge[at] = point.value
        return result


@contextmanager
def an_application(exporter: Any) -> Iterator[None]:
    """One that measures a temperature, counts requests and times them."""
    reader = PeriodicExportingMetricReader(exporter, export_timeout_millis=1e3 * PATIENCE)
    resource = Resource({"service.name": "boiler", "service.instance.id": "b-1"})
    provider = MeterProvider([reader], resource=resource)
    meter = provider.get_meter("tests")
    started = time.monotonic()

    def temperature(_: CallbackOptions) -> list[Observation]:
        return [Observation(70.0 + time.monotonic() - started, {"site": "a"})]

    meter.create_observable_gauge("boiler.temperature", [temperature])
    requests = meter.create_counter("http.server.requests")
    queue = meter.create_up_down_counter("queue.length")
    durations = meter.create_histogram("http.server.request.duration")
    stopped = threading.Event()

    def work() -> None:
        while not stopped.wait(0.05):
            requests.add(1, {"http.route": "/"})
            queue.add(1)
            durations.record(0.2, {"http.route": "/"})

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        stopped.set()
        worker.join()
        provider.shutdown(timeout_millis=1e3 * PATIENCE)


def exports_go_on(recorded: Recorded) -> None:
    """Wait for some, and not so many seconds: each refusal makes the SDK wait for a few."""
    before = len(recorded.gauge)
    eventually("exports go on", lambda: len(recorded.gauge) > before + 3)


@pytest.mark.parametrize("make", [ProtobufExporter, JsonExporter], ids=["protobuf", "json"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nothing_is_lost_or_doubled_through_outages(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis away for ten seconds, the pod killed, the pod restarted; all while it exports."""
    # The window holds every export of a run, to be looked at.
    with a_stack(tmp_path, detection={"window": 1500}) as stack:
        for name, value in environment(stack).items():
            monkeypatch.setenv(name, value)
        exporter = make()
        recorded = Recorded(exporter)
        with an_application(exporter):
            eventually("exports arrive", lambda: stack.totals().samples > 20)
            with stack.without_redis():
                time.sleep(OUTAGE_SECONDS)
                eventually("some are refused", lambda: stack.pod.metric("requests_refused_total"))
            exports_go_on(recorded)
            with patient_sdk():
                stack.kill_pod(away=1)
                exports_go_on(recorded)
                stack.restart_pod()
                exports_go_on(recorded)

        assert recorded.failures == 0
        assert stack.totals().samples == recorded.points
        assert stack.totals().series == 5
        assert stack.samples("boiler_temperature", **LABELS) == recorded.gauge
