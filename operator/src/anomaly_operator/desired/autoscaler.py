"""The number of pods, following their use of CPU."""

from __future__ import annotations

from typing import Any

from anomaly_operator import kinds, names
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.spec import Autoscaling, Pipeline


def autoscaler(pipeline: Pipeline) -> Manifest:
    """The HorizontalPodAutoscaler."""
    scaling = pipeline.autoscaling
    name = names.dataplane(pipeline.name)
    spec: dict[str, Any] = {
        "scaleTargetRef": {
            "apiVersion": kinds.DEPLOYMENT.api_version,
            "kind": kinds.DEPLOYMENT.kind,
            "name": name,
        },
        "minReplicas": scaling.min_replicas,
        "maxReplicas": scaling.max_replicas,
        "metrics": [*_cpu(scaling), *(dict(each) for each in scaling.metrics)],
    }
    if scaling.behavior:
        spec["behavior"] = dict(scaling.behavior)
    return {**manifest(pipeline, kinds.AUTOSCALER, name, names.DATAPLANE), "spec": spec}


def _cpu(scaling: Autoscaling) -> list[dict[str, Any]]:
    """The CPU target, unless further metrics hold another for the CPU."""
    for each in scaling.metrics:
        if each["type"] == "Resource" and (each.get("resource") or {}).get("name") == "cpu":
            return []
    target = {"type": "Utilization", "averageUtilization": scaling.target_cpu_percent}
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
