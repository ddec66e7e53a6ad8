"""The route from outside. Neutral to the controller: the pods strip the path prefix themselves."""

from __future__ import annotations

from typing import Any

from anomaly_dataplane.contract import runtime
from anomaly_operator import kinds, names
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.spec import Pipeline


def ingress(pipeline: Pipeline) -> Manifest:
    """The Ingress."""
    expose = pipeline.expose
    name = names.dataplane(pipeline.name)
    backend = {"service": {"name": name, "port": {"name": runtime.HTTP_PORT_NAME}}}
    path = {"path": expose.path, "pathType": "Prefix", "backend": backend}
    rule: dict[str, Any] = {"http": {"paths": [path]}}
    if expose.host:
        rule["host"] = expose.host
    spec: dict[str, Any] = {"rules": [rule]}
    if expose.class_name:
        spec["ingressClassName"] = expose.class_name
    if expose.tls_secret:
        tls: dict[str, Any] = {"secretName": expose.tls_secret}
        if expose.host:
            tls["hosts"] = [expose.host]
        spec["tls"] = [tls]
    head = manifest(pipeline, kinds.INGRESS, name, names.DATAPLANE, annotations=expose.annotations)
    return {**head, "spec": spec}
