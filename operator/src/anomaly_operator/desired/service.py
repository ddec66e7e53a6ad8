"""The Service that routes point at, and the headless one that Prometheus scrapes.

Two, because a NodePort or LoadBalancer Service must not publish the metrics port, and because
Prometheus wants to see a pod that is not ready, which senders must not.
"""

from __future__ import annotations

from anomaly_dataplane.contract import runtime
from anomaly_operator import kinds, names
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.spec import Pipeline


def service(pipeline: Pipeline) -> Manifest:
    """The Service of the HTTP port."""
    return {
        **manifest(pipeline, kinds.SERVICE, names.dataplane(pipeline.name), names.DATAPLANE),
        "spec": {
            "type": pipeline.expose.service_type,
            "selector": names.selector(pipeline.name, names.DATAPLANE),
            "ports": [
                {
                    "name": runtime.HTTP_PORT_NAME,
                    "port": pipeline.expose.service_port,
                    "targetPort": runtime.HTTP_PORT_NAME,
                    "protocol": "TCP",
                    "appProtocol": "http",
                }
            ],
        },
    }


def metrics_service(pipeline: Pipeline) -> Manifest:
    """The headless Service of the metrics port."""
    return {
        **manifest(pipeline, kinds.SERVICE, names.metrics(pipeline.name), names.METRICS),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": names.selector(pipeline.name, names.DATAPLANE),
            "ports": [
                {
                    "name": runtime.ADMIN_PORT_NAME,
                    "port": runtime.ADMIN_PORT,
                    "targetPort": runtime.ADMIN_PORT_NAME,
                    "protocol": "TCP",
                }
            ],
        },
    }
