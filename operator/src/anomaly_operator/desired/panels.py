"""The panels of a pipeline's dashboard, as a table; `dashboard` makes JSON of it.

`SELF` stands for the labels of the pipeline's own series, `PODS` for those of its pods in the
kubelet's (cAdvisor's) metrics, `REDIS` for the managed Redis' pod in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Query = tuple[str, str]
"""Expression and legend."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel of the 24 columns wide grid."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 12
    about: str = ""
    """What Grafana shows at the panel's title: what to make of it."""
    yes_or_no: bool = False
    """Whether it shows 1 and 0, which mean that all is well or not."""
    managed_redis: bool = False
    """Whether it is about the Redis that the operator runs."""


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it."""

    title: str
    panels: tuple[Panel, ...]


def _quantiles(metric: str, by: str = "") -> tuple[Query, ...]:
    labels, legend = (f"le, {by}", f" {{{{{by}}}}}") if by else ("le", "")
    return tuple(
        (
            f"histogram_quantile({quantile}, sum by ({labels})"
            f" (rate({metric}_bucket{{SELF}}[$__rate_interval])))",
            f"p{quantile * 100:g}{legend}",
        )
        for quantile in (0.5, 0.95, 0.99)
    )


ROWS = (
    Row(
        "Overview",
        (
            Panel(
                "Samples per second",
                (
                    (
                        "sum(rate(anomaly_pipeline_samples_accepted_total{SELF}[$__rate_interval]))",
                        "",
                    ),
                ),
                kind="stat",
                width=4,
            ),
            Panel(
                "Anomalies, last hour",
                (("sum(increase(anomaly_pipeline_anomalies_total{SELF}[1h])) or vector(0)", ""),),
                kind="stat",
                width=4,
            ),
            Panel(
                "Outliers of samples",
                (
                    (
                        "sum(rate(anomaly_pipeline_outliers_total{SELF}[$__rate_interval])) / "
                        "sum(rate(anomaly_pipeline_samples_scored_total{SELF}[$__rate_interval]))",
                        "",
                    ),
                ),
                about="Beyond detection.threshold. With 2 sigma some 5 % is normal; what people"
                " hear of are anomalies.",
                unit="percentunit",
                kind="stat",
                width=4,
            ),
            Panel(
                "Time to answer, p99",
                (_quantiles("anomaly_pipeline_ingest_duration_seconds")[2],),
                about="From a request to its answer, its commit to Redis included.",
                unit="s",
                kind="stat",
                width=4,
            ),
            Panel(
                "Pods scraped",
                (("count(anomaly_pipeline_build_info{SELF})", ""),),
                kind="stat",
                width=4,
            ),
            Panel(
                "Redis reached by all pods",
                (("min(anomaly_pipeline_redis_up{SELF})", ""),),
                about="While it is not, senders get 503 with Retry-After and come again.",
                yes_or_no=True,
                kind="stat",
                width=4,
            ),
        ),
    ),
    Row(
        "Traffic",
        (
            Panel(
                "Samples",
                tuple(
                    (
                        f"sum(rate(anomaly_pipeline_samples_{what}_total{{SELF}}[$__rate_interval]))",
                        what,
                    )
                    for what in ("accepted", "scored", "duplicate", "late")
                ),
                unit="cps",
                about="Scored are those whose window was warm. Duplicates come of senders that"
                " repeat, and do no harm; late ones are not counted into windows.",
            ),
            Panel(
                "Samples by protocol",
                tuple(
                    (
                        "sum by (protocol)"
                        f" (rate(anomaly_pipeline_samples_{what}_total{{SELF}}[$__rate_interval]))",
                        f"{{{{protocol}}}}: {what}",
                    )
                    for what in ("accepted", "rejected")
                ),
                unit="cps",
            ),
            Panel(
                "Samples and requests turned away",
                (
                    (
                        "sum by (reason)"
                        " (rate(anomaly_pipeline_samples_rejected_total{SELF}[$__rate_interval]))",
                        "sample: {{reason}}",
                    ),
                    (
                        "sum by (code)"
                        " (rate(anomaly_pipeline_requests_rejected_total{SELF}[$__rate_interval]))",
                        "request: {{code}}",
                    ),
                    (
                        "sum by (reason)"
                        " (rate(anomaly_pipeline_requests_refused_total{SELF}[$__rate_interval]))",
                        "request: 503 {{reason}}",
                    ),
                    (
                        "sum(rate(anomaly_pipeline_requests_failed_total{SELF}[$__rate_interval]))",
                        "request: 500",
                    ),
                ),
                unit="cps",
                about="4xx and rejected samples are faults of senders; 503 asks them to come again;"
                " 500 is a defect of the pods.",
            ),
            Panel(
                "Buffer",
                (
                    ("sum by (pod) (anomaly_pipeline_buffer_samples{SELF})", "{{pod}}"),
                    ("min(anomaly_pipeline_buffer_capacity_samples{SELF})", "capacity of a pod"),
                ),
                about="Samples that wait for their commit. At the capacity senders get 503.",
            ),
        ),
    ),
    Row(
        "Latency",
        (
            Panel(
                "Request to answer",
                _quantiles("anomaly_pipeline_ingest_duration_seconds"),
                unit="s",
            ),
            Panel(
                "One commit to Redis",
                _quantiles("anomaly_pipeline_commit_duration_seconds"),
                unit="s",
            ),
            Panel(
                "Event loop lag",
                (("max by (pod) (anomaly_pipeline_event_loop_lag_seconds{SELF})", "{{pod}}"),),
                unit="s",
                about="How late a pod gets to its work; tens of ms mean that it lacks CPU.",
            ),
            Panel(
                "Series in one commit",
                (
                    (
                        "sum(rate(anomaly_pipeline_batch_series_sum{SELF}[$__rate_interval]))"
                        " / sum(rate(anomaly_pipeline_batch_series_count{SELF}[$__rate_interval]))",
                        "average",
                    ),
                ),
                about="The more series share a commit, the less each of them costs.",
            ),
        ),
    ),
    Row(
        "Detection",
        (
            Panel(
                "Outliers",
                (
                    (
                        "sum(rate(anomaly_pipeline_outliers_total{SELF}[$__rate_interval]))",
                        "outliers",
                    ),
                ),
                unit="cps",
            ),
            Panel(
                "Anomalies by family",
                (
                    (
                        "sum by (family) (increase(anomaly_pipeline_anomalies_total{SELF}[5m]))",
                        "{{family}}",
                    ),
                ),
                about="In five minutes, by the evidence that weighed most (docs/detection.md).",
            ),
            Panel(
                "Open alerts",
                (
                    ("sum(anomaly_pipeline_alerts_open{SELF})", "open"),
                    (
                        "sum by (kind) (increase(anomaly_pipeline_alerts_opened_total{SELF}[5m]))",
                        "began in 5 min: {{kind}}",
                    ),
                ),
            ),
            Panel(
                "Alerts delivered",
                (
                    (
                        "sum by (receiver, result) (increase("
                        "anomaly_pipeline_alert_deliveries_total{SELF}[5m]))",
                        "{{receiver}}: {{result}}",
                    ),
                    (
                        "sum(increase(anomaly_pipeline_anomalies_lost_total{SELF}[5m]))",
                        "lost before they became alerts",
                    ),
                ),
            ),
        ),
    ),
    Row(
        "Pods",
        (
            Panel(
                "CPU",
                (
                    (
                        "sum by (pod)"
                        ' (rate(container_cpu_usage_seconds_total{PODS,container!=""}'
                        "[$__rate_interval]))",
                        "{{pod}}",
                    ),
                ),
                about="Cores.",
            ),
            Panel(
                "Memory",
                (
                    (
                        'sum by (pod) (container_memory_working_set_bytes{PODS,container!=""})',
                        "{{pod}}",
                    ),
                    (
                        'max(container_spec_memory_limit_bytes{PODS,container="dataplane"} > 0)',
                        "limit",
                    ),
                ),
                unit="bytes",
            ),
            Panel(
                "Network",
                (
                    (
                        "sum by (pod)"
                        " (rate(container_network_receive_bytes_total{PODS}[$__rate_interval]))",
                        "in {{pod}}",
                    ),
                    (
                        "-sum by (pod)"
                        " (rate(container_network_transmit_bytes_total{PODS}[$__rate_interval]))",
                        "out {{pod}}",
                    ),
                ),
                unit="Bps",
            ),
            Panel(
                "Series held in memory",
                (("sum by (pod) (anomaly_pipeline_series_cached{SELF})", "{{pod}}"),),
            ),
        ),
    ),
    Row(
        "Redis",
        (
            Panel(
                "Reached",
                (("min by (pod) (anomaly_pipeline_redis_up{SELF})", "{{pod}}"),),
                yes_or_no=True,
            ),
            Panel(
                "Failed calls and conflicts",
                (
                    (
                        "sum by (kind)"
                        " (rate(anomaly_pipeline_redis_errors_total{SELF}[$__rate_interval]))",
                        "error: {{kind}}",
                    ),
                    (
                        "sum(rate(anomaly_pipeline_commit_conflicts_total{SELF}[$__rate_interval]))",
                        "conflicts",
                    ),
                ),
                unit="cps",
                about="Conflict: another pod committed the series first; it is read again and"
                " repeated. Many mean that senders do not stay with one pod.",
            ),
            Panel(
                "Managed Redis: CPU",
                (
                    (
                        'sum(rate(container_cpu_usage_seconds_total{REDIS,container!=""}'
                        "[$__rate_interval]))",
                        "{{pod}}",
                    ),
                ),
                about="Cores.",
                managed_redis=True,
            ),
            Panel(
                "Managed Redis: memory",
                (
                    (
                        'sum(container_memory_working_set_bytes{REDIS,container!=""})',
                        "used",
                    ),
                    (
                        'max(container_spec_memory_limit_bytes{REDIS,container!=""} > 0)',
                        "limit",
                    ),
                ),
                unit="bytes",
                managed_redis=True,
            ),
        ),
    ),
)
