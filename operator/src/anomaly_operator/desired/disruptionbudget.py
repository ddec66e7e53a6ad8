"""One pod at a time, when nodes are drained."""

from __future__ import annotations

from anomaly_operator import kinds, names
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.spec import Pipeline


def disruption_budget(pipeline: Pipeline) -> Manifest:
    """The PodDisruptionBudget."""
    name = names.dataplane(pipeline.name)
    return {
        **manifest(pipeline, kinds.DISRUPTION_BUDGET, name, names.DATAPLANE),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": names.selector(pipeline.name, names.DATAPLANE)},
        },
    }
