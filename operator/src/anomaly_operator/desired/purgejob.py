"""The Job that removes a deleted pipeline's keys from a Redis of the user's.

It belongs to nobody: an owner that is being deleted in the foreground would take it along before it
is done. So it carries its config itself, ends by its own deadline, and is collected by its own TTL.
"""

from __future__ import annotations

import json
from typing import Any

from anomaly_dataplane.contract import config, runtime
from anomaly_operator import kinds, names
from anomaly_operator.desired import deployment, security
from anomaly_operator.desired.metadata import Manifest
from anomaly_operator.spec import Pipeline

CONTAINER = "purge"
KEPT_SECONDS = 600
"""After its end, should nobody be there to remove it."""
_SCHEDULING = ("nodeSelector", "tolerations", "affinity", "priorityClassName", "dnsConfig")
"""Taken over of spec.podTemplate: where pods may run. Sidecars would keep it from ending."""


def purge_job(pipeline: Pipeline, seconds: int) -> Manifest:
    """The Job, which ends after so many seconds whatever has become of it."""
    labels = names.labels(pipeline.name, names.PURGE)
    return {
        "apiVersion": kinds.JOB.api_version,
        "kind": kinds.JOB.kind,
        "metadata": {
            "name": names.purge(pipeline.name, pipeline.uid),
            "namespace": pipeline.namespace,
            "labels": labels,
        },
        "spec": {
            "activeDeadlineSeconds": seconds,
            "backoffLimit": 6,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": _pod(pipeline)},
        },
    }


def _pod(pipeline: Pipeline) -> dict[str, Any]:
    volumes = deployment.redis_volumes(pipeline)
    template = pipeline.pod_template.get("spec") or {}
    pod: dict[str, Any] = {
        **{name: template[name] for name in _SCHEDULING if template.get(name) is not None},
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": security.pod(security.DATAPLANE_UID),
        "containers": [
            {
                "name": CONTAINER,
                "image": pipeline.image,
                "imagePullPolicy": pipeline.image_pull_policy,
                "args": ["purge"],
                "env": [
                    {"name": runtime.PURGE_CONFIG_VARIABLE, "value": _document(pipeline)},
                    *deployment.redis_env(pipeline),
                ],
                "resources": dict(pipeline.resources),
                "securityContext": security.container(),
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "volumeMounts": [
                    {
                        "name": volume["name"],
                        "mountPath": runtime.REDIS_SECRET_DIR,
                        "readOnly": True,
                    }
                    for volume in volumes
                ],
            }
        ],
        "volumes": volumes,
    }
    if pipeline.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in pipeline.image_pull_secrets]
    return pod


def _document(pipeline: Pipeline) -> str:
    """Of the pods' config what tells which keys there are, and where."""
    identity = dict(pipeline.document["pipeline"])
    document = config.document(identity, "", {"redis": pipeline.document["redis"]})
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
