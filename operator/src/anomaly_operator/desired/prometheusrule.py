"""The alerts for the Prometheus operator, where it is installed."""

from __future__ import annotations

from typing import Any

from anomaly_operator import kinds, names
from anomaly_operator.desired import promql
from anomaly_operator.desired.alerts import ALERTS, Alert
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.spec import Pipeline


def prometheus_rule(pipeline: Pipeline) -> Manifest:
    """The PrometheusRule."""
    name = names.dataplane(pipeline.name)
    head = manifest(
        pipeline, kinds.PROMETHEUS_RULE, name, names.METRICS, labels=pipeline.monitoring.labels
    )
    group = {"name": "anomaly-pipeline", "rules": [_rule(alert, pipeline) for alert in ALERTS]}
    return {**head, "spec": {"groups": [group]}}


def _rule(alert: Alert, pipeline: Pipeline) -> dict[str, Any]:
    annotations = {"summary": alert.summary, "description": alert.description}
    if pipeline.monitoring.runbook_url:
        annotations["runbook_url"] = f"{pipeline.monitoring.runbook_url}#{alert.name.lower()}"
    return {
        "alert": alert.name,
        "expr": promql.own(alert.expr, pipeline),
        "for": alert.patience,
        "labels": {"severity": alert.severity},
        "annotations": annotations,
    }
