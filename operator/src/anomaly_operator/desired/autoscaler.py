"""The number of pods, following their use of CPU."""

from __future__ import annotations

from typing import Any

from anomaly_operator import kinds, names
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.spec import Pipeline


def autoscaler(pipeline: Pipeline) -> Manifest:
    """The HorizontalPodAutoscaler."""
    scaling = pipeline.autoscaling
    name = names.dataplane(pipeline.name)
    target = {"type": "Utilization", "averageUtilization": scaling.target_cpu_percent}
    spec: dict[str, Any] = {
        "scaleTargetRef": {
            "apiVersion": kinds.DEPLOYMENT.api_version,
            "kind": kinds.DEPLOYMENT.kind,
            "name": name,
        },
        "minReplicas": scaling.min_replicas,
        "maxReplicas": scaling.max_replicas,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    if scaling.behavior:
        spec["behavior"] = dict(scaling.behavior)
    return {**manifest(pipeline, kinds.AUTOSCALER, name, names.DATAPLANE), "spec": spec}
