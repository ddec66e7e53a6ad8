"""The route from outside by the Gateway API. The pods strip the path prefix themselves."""

from __future__ import annotations

from typing import Any

from anomaly_operator import kinds, names
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.spec import Pipeline


def http_route(pipeline: Pipeline) -> Manifest:
    """The HTTPRoute."""
    expose = pipeline.expose
    name = names.dataplane(pipeline.name)
    spec: dict[str, Any] = {
        "parentRefs": [dict(parent) for parent in expose.parent_refs],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": expose.path}}],
                "backendRefs": [{"name": name, "port": expose.service_port}],
            }
        ],
    }
    if expose.host:
        spec["hostnames"] = [expose.host]
    head = manifest(
        pipeline, kinds.HTTP_ROUTE, name, names.DATAPLANE, annotations=expose.annotations
    )
    return {**head, "spec": spec}
