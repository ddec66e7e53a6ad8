"""The pods' identity, which may do nothing in the cluster and carries no token."""

from __future__ import annotations

from anomaly_operator import kinds, names
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.spec import Pipeline


def service_account(pipeline: Pipeline) -> Manifest:
    """The ServiceAccount of the data plane's pods."""
    name = names.dataplane(pipeline.name)
    return {
        **manifest(pipeline, kinds.SERVICE_ACCOUNT, name, names.DATAPLANE),
        "automountServiceAccountToken": False,
    }
