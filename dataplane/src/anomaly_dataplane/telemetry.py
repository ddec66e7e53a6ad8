"""The metrics of `contract.metrics` as a Prometheus registry, with a typed way to count in them.

Built by `app.py`; the workers count through the `observer.Observer` that it is, the routes through
the rest. Every call stands for a batch or a request, never for a sample.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable

from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics import Gauge, disable_created_metrics
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import CollectorRegistry

from anomaly_dataplane.contract.metrics import METRICS, PREFIX, Metric
from anomaly_dataplane.exposition import exposition
from anomaly_dataplane.observer import Committed, Unobserved
from anomaly_dataplane.tallies import Counter, Histogram


class ProtocolMetrics:
    """What the handler of one protocol counts."""

    def __init__(self, registry: dict[str, Counter | Gauge | Histogram], protocol: str) -> None:
        self._received = _counter(registry, "samples_received_total").labels(protocol)
        self._accepted = _counter(registry, "samples_accepted_total").labels(protocol)
        self._rejected = _counter(registry, "samples_rejected_total")
        self._valueless = _counter(registry, "samples_valueless_total").labels(protocol)
        self._closed = _counter(registry, "series_closed_total").labels(protocol)
        self._duration = _histogram(registry, "ingest_duration_seconds").labels(protocol)
        self._bad_requests = _counter(registry, "requests_rejected_total")
        self._repeated = _counter(registry, "requests_repeated_total").labels(protocol)
        self._protocol = protocol

    def received(self, samples: int) -> None:
        """Count the samples of one parsed request, good or bad."""
        self._received.inc(samples)

    def accepted(self, samples: int) -> None:
        """Count the samples of an answered request that were committed for the first time."""
        self._accepted.inc(samples)

    def without_value(self, valueless: int, closed: int) -> None:
        """Count samples that only said that there was no value, and those that ended a series."""
        if valueless:
            self._valueless.inc(valueless)
        if closed:
            self._closed.inc(closed)

    def rejected(self, causes: Iterable[str]) -> None:
        """Count the bad ones of a request."""
        for cause, count in Tally(causes).items():
            self._rejected.labels(self._protocol, cause).inc(count)

    def answered(self, seconds: float) -> None:
        """A request was answered after its commit."""
        self._duration.observe(seconds)

    def repeated(self) -> None:
        """A request's Idempotency-Key had come before."""
        self._repeated.inc()

    def bad_request(self, status: int) -> None:
        """The answer was 4xx, for some of its samples or all."""
        self._bad_requests.labels(str(status)).inc()


class MqttMetrics:
    """What the consumer of an MQTT broker counts beside its samples."""

    def __init__(self, registry: dict[str, Counter | Gauge | Histogram], broker: str) -> None:
        self._connected = _gauge(registry, "mqtt_connected").labels(broker)
        self._failures = _counter(registry, "mqtt_connection_failures_total").labels()
        self._waiting = _gauge(registry, "mqtt_waiting_messages")
        self._waits = _counter(registry, "mqtt_waits_total")

    def connected(self, up: bool) -> None:
        """The broker is connected and subscribed to, or not any more."""
        self._connected.set(up)

    def failed(self) -> None:
        """A connection could not be made, or was lost."""
        self._failures.inc()

    def waited(self, reason: str) -> None:
        """Messages could not be committed and are tried again."""
        self._waits.labels(reason).inc()

    def watch(self, messages: Callable[[], int]) -> None:
        """Read how many messages wait whenever somebody scrapes."""
        self._waiting.set_function(messages)


class ShadowMetrics(Unobserved):
    """What `detection.shadow` finds; the `observer.Observer` of its workers."""

    def __init__(self, registry: dict[str, Counter | Gauge | Histogram]) -> None:
        self._samples = _counter(registry, "shadow_samples_total").labels()
        self._outliers = _counter(registry, "shadow_outliers_total").labels()
        self._anomalies = _counter(registry, "shadow_anomalies_total")
        self._missed = _counter(registry, "shadow_missed_samples_total").labels()

    def missed(self, samples: int) -> None:
        """Samples were committed that it does not see."""
        self._missed.inc(samples)

    def committed(self, done: Committed) -> None:
        self._samples.inc(done.accepted)
        self._outliers.inc(done.outliers)
        for family, count in done.anomalies_by_family.items():
            self._anomalies.labels(family).inc(count)


class Telemetry:
    """All metrics of a pod; implements `observer.Observer`."""

    def __init__(self, version: str, kernels: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        metrics = {metric.name: _build(metric, self._registry) for metric in METRICS}
        self._metrics = metrics
        self._duplicate = _counter(metrics, "samples_duplicate_total").labels()
        self._late = _counter(metrics, "samples_late_total").labels()
        self._scored = _counter(metrics, "samples_scored_total").labels()
        self._outliers = _counter(metrics, "outliers_total").labels()
        self._anomalies = _counter(metrics, "anomalies_total")
        self._batch_series = _histogram(metrics, "batch_series").labels()
        self._commit_seconds = _histogram(metrics, "commit_duration_seconds").labels()
        self._conflicts = _counter(metrics, "commit_conflicts_total").labels()
        self._redis_errors = _counter(metrics, "redis_errors_total")
        self._redis_up = _gauge(metrics, "redis_up")
        self._loop_lag = _gauge(metrics, "event_loop_lag_seconds")
        self._alerts_open = _gauge(metrics, "alerts_open")
        self._alerts_opened = _counter(metrics, "alerts_opened_total")
        self._deliveries = _counter(metrics, "alert_deliveries_total")
        self._anomalies_lost = _counter(metrics, "anomalies_lost_total").labels()
        self._refused = _counter(metrics, "requests_refused_total")
        self._bad_requests = _counter(metrics, "requests_rejected_total")
        self._defects = _counter(metrics, "requests_failed_total").labels()
        _gauge(metrics, "build_info").labels(version, kernels).set(1)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def protocol(self, name: str) -> ProtocolMetrics:
        """The metrics of one protocol's handler."""
        return ProtocolMetrics(self._metrics, name)

    def mqtt(self, broker: str) -> MqttMetrics:
        """The metrics of the consumer of this broker."""
        return MqttMetrics(self._metrics, broker)

    def shadow(self) -> ShadowMetrics:
        """The metrics of `detection.shadow`."""
        return ShadowMetrics(self._metrics)

    def watch_buffer(self, samples: Callable[[], int], capacity: int) -> None:
        """Read the buffer's fill whenever somebody scrapes."""
        _gauge(self._metrics, "buffer_samples").set_function(samples)
        _gauge(self._metrics, "buffer_capacity_samples").set(capacity)

    def watch_series(self, count: Callable[[], int], limit: int) -> None:
        """Read how many series there are whenever somebody scrapes."""
        _gauge(self._metrics, "series").set_function(count)
        _gauge(self._metrics, "series_limit").set(limit)

    def watch_cache(self, series: Callable[[], int]) -> None:
        """Read how many series are cached whenever somebody scrapes."""
        _gauge(self._metrics, "series_cached").set_function(series)

    def refused(self, reason: str) -> None:
        """A request was answered 503."""
        self._refused.labels(reason).inc()

    def bad_request(self, status: int) -> None:
        """A request was answered 4xx as a whole."""
        self._bad_requests.labels(str(status)).inc()

    def defect(self) -> None:
        """A request was answered 500: a defect of ours."""
        self._defects.inc()

    def loop_lag(self, seconds: float) -> None:
        """The event loop ran a timer so late."""
        self._loop_lag.set(seconds)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return exposition(self._registry.collect())

    def committed(self, done: Committed) -> None:
        self._batch_series.observe(done.series)
        self._commit_seconds.observe(done.seconds)
        if done.duplicate:
            self._duplicate.inc(done.duplicate)
        if done.late:
            self._late.inc(done.late)
        self._scored.inc(done.scored)
        if done.outliers:
            self._outliers.inc(done.outliers)
        for family, count in done.anomalies_by_family.items():
            self._anomalies.labels(family).inc(count)

    def conflicts(self, count: int) -> None:
        self._conflicts.inc(count)

    def store_failed(self, kind: str) -> None:
        self._redis_errors.labels(kind).inc()

    def store_up(self, up: bool) -> None:
        self._redis_up.set(up)

    def anomalies(self, family: str, count: int) -> None:
        self._anomalies.labels(family).inc(count)

    def alerts_open(self, count: int) -> None:
        self._alerts_open.set(count)

    def alert_opened(self, kind: str) -> None:
        self._alerts_opened.labels(kind).inc()

    def anomalies_lost(self, count: int) -> None:
        self._anomalies_lost.inc(count)

    def delivered(self, receiver: str, result: str, count: int) -> None:
        self._deliveries.labels(receiver, result).inc(count)


def _build(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    name = PREFIX + metric.name
    if metric.kind == "gauge":
        return Gauge(name, metric.help, metric.labels, registry=registry)
    collector = (
        Counter(name, metric.help, metric.labels)
        if metric.kind == "counter"
        else Histogram(name, metric.help, metric.labels, metric.buckets)
    )
    registry.register(collector)
    return collector


def _counter(metrics: dict[str, Counter | Gauge | Histogram], name: str) -> Counter:
    metric = metrics[name]
    assert isinstance(metric, Counter), name
    return metric


def _gauge(metrics: dict[str, Counter | Gauge | Histogram], name: str) -> Gauge:
    metric = metrics[name]
    assert isinstance(metric, Gauge), name
    return metric


def _histogram(metrics: dict[str, Counter | Gauge | Histogram], name: str) -> Histogram:
    metric = metrics[name]
    assert isinstance(metric, Histogram), name
    return metric
