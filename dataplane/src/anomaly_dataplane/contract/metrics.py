"""Every metric of the data plane: name, kind, labels, meaning. Written once, here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "anomaly_pipeline_"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as `/metrics` shows it, `PREFIX` before its name."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

METRICS: tuple[Metric, ...] = (
    Metric("samples_received_total", "counter", "Samples parsed from requests.", ("protocol",)),
    Metric(
        "samples_accepted_total",
        "counter",
        "Samples answered as committed for the first time.",
        ("protocol",),
    ),
    Metric(
        "samples_rejected_total",
        "counter",
        "Samples refused, by protocol and reason.",
        ("protocol", "reason"),
    ),
    Metric(
        "samples_valueless_total",
        "counter",
        "Samples that said, as Prometheus' NaN does, that there was no value; not scored.",
        ("protocol",),
    ),
    Metric(
        "series_closed_total",
        "counter",
        "Times that a sender said that a series has ended.",
        ("protocol",),
    ),
    Metric("samples_duplicate_total", "counter", "Samples that had been committed before."),
    Metric("samples_late_total", "counter", "Samples older than the allowed lateness or horizon."),
    Metric("samples_scored_total", "counter", "Samples that got a verdict (the window was warm)."),
    Metric("outliers_total", "counter", "Samples beyond the threshold of the sliding Z-score."),
    Metric("anomalies_total", "counter", "Anomalies raised, by evidence family.", ("family",)),
    Metric("alerts_open", "gauge", "Open alerts of the partitions that this pod looks after."),
    Metric(
        "alerts_opened_total",
        "counter",
        "Alerts that began, by kind: Series, or Group for one of many series at once.",
        ("kind",),
    ),
    Metric(
        "alert_deliveries_total",
        "counter",
        "Alerts sent, by receiver and result: delivered, failed (tried again), dead (given up).",
        ("receiver", "result"),
    ),
    Metric(
        "anomalies_lost_total",
        "counter",
        "Anomalies that left the outbox before they became alerts, or could not be read there.",
    ),
    Metric("shadow_samples_total", "counter", "Samples that detection.shadow has scored, too."),
    Metric("shadow_outliers_total", "counter", "Those that are outliers to it."),
    Metric(
        "shadow_anomalies_total",
        "counter",
        "Anomalies that it would have raised, by evidence family.",
        ("family",),
    ),
    Metric("shadow_missed_samples_total", "counter", "Samples that it had no room or Redis for."),
    Metric("requests_refused_total", "counter", "Requests answered 503, by reason.", ("reason",)),
    Metric("requests_rejected_total", "counter", "Requests answered 4xx, by code.", ("code",)),
    Metric(
        "requests_repeated_total",
        "counter",
        "Requests whose Idempotency-Key had come before.",
        ("protocol",),
    ),
    Metric("requests_failed_total", "counter", "Requests answered 500: defects of the pod."),
    Metric("buffer_samples", "gauge", "Samples that wait for a worker or for its commit."),
    Metric("buffer_capacity_samples", "gauge", "Samples that the buffer takes at most."),
    Metric(
        "batch_series",
        "histogram",
        "Series in one commit.",
        (),
        (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048),
    ),
    Metric("commit_duration_seconds", "histogram", "Time of one commit.", (), _SECONDS),
    Metric("commit_conflicts_total", "counter", "Series re-read, another pod being first."),
    Metric(
        "ingest_duration_seconds",
        "histogram",
        "Time from request to answer.",
        ("protocol",),
        _SECONDS,
    ),
    Metric("redis_up", "gauge", "1 while the store answers, 0 while it does not."),
    Metric("redis_errors_total", "counter", "Failed calls to Redis, by kind.", ("kind",)),
    Metric("mqtt_connected", "gauge", "1 while the broker is connected, 0 else.", ("broker",)),
    Metric(
        "mqtt_connection_failures_total", "counter", "Connections to the broker failed or lost."
    ),
    Metric("mqtt_waiting_messages", "gauge", "Messages that have come and wait for a commit."),
    Metric(
        "mqtt_waits_total", "counter", "Commits of messages tried again, by reason.", ("reason",)
    ),
    Metric("series", "gauge", "Series of the pipeline, as Redis counts them for all pods."),
    Metric("series_limit", "gauge", "Series that the pipeline may have (spec.ingest.maxSeries)."),
    Metric("series_cached", "gauge", "Series whose state this pod holds in memory."),
    Metric("event_loop_lag_seconds", "gauge", "How late the event loop ran its last tick."),
    Metric("build_info", "gauge", "1; which build this is.", ("version", "kernels")),
)
