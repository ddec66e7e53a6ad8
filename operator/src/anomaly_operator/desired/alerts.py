"""The alerts of a pipeline, as a table; `prometheusrule` makes objects of it.

`SELF` stands for the labels by which the pipeline's own series are found. docs/runbook.md has a
section for each alert; tests keep names, metrics and sections equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: what is wrong, for how long before anybody is told, and in which words."""

    name: str
    severity: Literal["critical", "warning"]
    patience: str
    """The rule's `for`."""
    expr: str
    summary: str
    description: str


ALERTS = (
    Alert(
        name="AnomalyPipelineDown",
        severity="critical",
        patience="5m",
        expr="absent(anomaly_pipeline_build_info{SELF})",
        summary="No pod of the pipeline can be scraped.",
        description="Prometheus reaches no pod of pipeline {{ $labels.pipeline }} in namespace"
        " {{ $labels.namespace }}: samples are most likely not taken.",
    ),
    Alert(
        name="AnomalyPipelineRedisDown",
        severity="critical",
        patience="1m",
        expr="min by (namespace, pipeline) (anomaly_pipeline_redis_up{SELF}) == 0",
        summary="A pod does not reach Redis; senders are told to come again.",
        description="Pods of pipeline {{ $labels.pipeline }} in namespace {{ $labels.namespace }}"
        " answer 503 until Redis is back. Nothing that was acknowledged is lost.",
    ),
    Alert(
        name="AnomalyPipelineNoData",
        severity="warning",
        patience="5m",
        expr="sum by (namespace, pipeline)"
        " (increase(anomaly_pipeline_samples_received_total{SELF}[10m])) == 0\n"
        "and\n"
        "sum by (namespace, pipeline)"
        " (increase(anomaly_pipeline_samples_received_total{SELF}[6h])) > 0",
        summary="Samples have stopped coming.",
        description="Pipeline {{ $labels.pipeline }} in namespace {{ $labels.namespace }} had"
        " samples in the last six hours and none in the last ten minutes.",
    ),
    Alert(
        name="AnomalyPipelineIngestRejecting",
        severity="warning",
        patience="10m",
        expr="sum by (namespace, pipeline, protocol, reason)"
        " (rate(anomaly_pipeline_samples_rejected_total{SELF}[10m]))\n"
        "/ on (namespace, pipeline, protocol) group_left\n"
        "sum by (namespace, pipeline, protocol)"
        " (rate(anomaly_pipeline_samples_received_total{SELF}[10m])) > 0.05",
        summary="More than 5 % of the samples are refused as faulty.",
        description="{{ $value | humanizePercentage }} of the {{ $labels.protocol }} samples of"
        " pipeline {{ $labels.pipeline }} in namespace {{ $labels.namespace }} are refused:"
        " {{ $labels.reason }}.",
    ),
    Alert(
        name="AnomalyPipelineIngestRefusing",
        severity="warning",
        patience="10m",
        expr="sum by (namespace, pipeline, reason)"
        " (rate(anomaly_pipeline_requests_refused_total{SELF}[5m])) > 0",
        summary="Senders are told to come again later.",
        description="Pipeline {{ $labels.pipeline }} in namespace {{ $labels.namespace }} answers"
        " {{ $value | humanize }} requests a second with 503: {{ $labels.reason }}.",
    ),
    Alert(
        name="AnomalyPipelineBufferSaturated",
        severity="warning",
        patience="5m",
        expr="max by (namespace, pipeline) (\n"
        "  max_over_time(anomaly_pipeline_buffer_samples{SELF}[2m])\n"
        "  / anomaly_pipeline_buffer_capacity_samples{SELF}\n"
        ") > 0.9",
        summary="The buffer of a pod is almost full.",
        description="A pod of pipeline {{ $labels.pipeline }} in namespace"
        " {{ $labels.namespace }} holds {{ $value | humanizePercentage }} of the samples it may;"
        " beyond that senders get 503.",
    ),
    Alert(
        name="AnomalyPipelineIngestSlow",
        severity="warning",
        patience="10m",
        expr="histogram_quantile(0.99, sum by (namespace, pipeline, le)"
        " (rate(anomaly_pipeline_ingest_duration_seconds_bucket{SELF}[5m]))) > 1",
        summary="One request in a hundred takes longer than a second.",
        description="The 99th percentile of the time to an answer is"
        " {{ $value | humanizeDuration }} in pipeline {{ $labels.pipeline }} of namespace"
        " {{ $labels.namespace }}.",
    ),
    Alert(
        name="AnomalyPipelineStalling",
        severity="warning",
        patience="10m",
        expr="max by (namespace, pipeline, pod)"
        " (avg_over_time(anomaly_pipeline_event_loop_lag_seconds{SELF}[5m])) > 0.5",
        summary="A pod gets too little CPU to keep up.",
        description="The event loop of pod {{ $labels.pod }} in namespace {{ $labels.namespace }}"
        " runs {{ $value | humanizeDuration }} late.",
    ),
    Alert(
        name="AnomalyPipelineRequestsFailing",
        severity="warning",
        patience="5m",
        expr="sum by (namespace, pipeline)"
        " (increase(anomaly_pipeline_requests_failed_total{SELF}[15m])) > 0",
        summary="Requests end in errors that are no fault of their senders.",
        description="Pipeline {{ $labels.pipeline }} in namespace {{ $labels.namespace }} answered"
        " requests with 500, which is a defect of the pods; their logs have the traces.",
    ),
    Alert(
        name="AnomalyPipelineAnomalyRateHigh",
        severity="warning",
        patience="5m",
        expr="sum by (namespace, pipeline)"
        " (increase(anomaly_pipeline_anomalies_total{SELF}[15m])) > 10\n"
        "and\n"
        "sum by (namespace, pipeline) (increase(anomaly_pipeline_anomalies_total{SELF}[15m]))\n"
        "/ sum by (namespace, pipeline)"
        " (increase(anomaly_pipeline_samples_scored_total{SELF}[15m])) > 0.01",
        summary="Unusually many anomalies.",
        description="Pipeline {{ $labels.pipeline }} in namespace {{ $labels.namespace }} raised"
        " {{ $value | humanize }} anomalies in a quarter of an hour: something happens to many"
        " devices at once, or the detection is too sensitive for this data.",
    ),
    Alert(
        name="AnomalyPipelineAlertsNotDelivered",
        severity="warning",
        patience="10m",
        expr="sum by (namespace, pipeline, receiver) (increase("
        'anomaly_pipeline_alert_deliveries_total{SELF,result=~"failed|dead"}[10m])) > 0',
        summary="A receiver does not take alerts of anomalies.",
        description="Pipeline {{ $labels.pipeline }} in namespace {{ $labels.namespace }} has not"
        " been able to tell {{ $labels.receiver }} of anomalies for ten minutes; it tries again.",
    ),
    Alert(
        name="AnomalyPipelineAnomaliesLost",
        severity="warning",
        patience="0m",
        expr="sum by (namespace, pipeline)"
        " (increase(anomaly_pipeline_anomalies_lost_total{SELF}[15m])) > 0",
        summary="Anomalies were never told to anybody.",
        description="{{ $value | humanize }} anomalies of pipeline {{ $labels.pipeline }} in"
        " namespace {{ $labels.namespace }} left the outbox before they became alerts.",
    ),
    Alert(
        name="AnomalyPipelineBrokerDisconnected",
        severity="warning",
        patience="5m",
        expr="max by (namespace, pipeline, broker) (anomaly_pipeline_mqtt_connected{SELF}) == 0",
        summary="No pod is connected to the MQTT broker.",
        description="Pipeline {{ $labels.pipeline }} in namespace {{ $labels.namespace }} gets no"
        " messages of {{ $labels.broker }}.",
    ),
)
