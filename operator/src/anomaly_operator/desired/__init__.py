"""What should exist for a pipeline: the table of contents.

Pure: from a Pipeline to plain dicts, no kopf, no client. Called by `reconcile` and `render`.
Whether something should exist is decided here; how it looks, in the file of its kind.
"""

from __future__ import annotations

from anomaly_operator.desired import (
    autoscaler,
    configmap,
    deployment,
    disruptionbudget,
    ingress,
    redis,
    service,
    serviceaccount,
    servicemonitor,
)
from anomaly_operator.desired.metadata import Manifest
from anomaly_operator.spec import Pipeline


def objects(
    pipeline: Pipeline, *, service_monitors: bool, redis_credentials: str
) -> list[Manifest]:
    """Every object to apply, in the order in which to apply them.

    Args:
        pipeline: what is wanted.
        service_monitors: whether the cluster knows ServiceMonitors.
        redis_credentials: what changes when the managed Redis got another password.
    """
    found: list[Manifest] = [serviceaccount.service_account(pipeline)]
    if pipeline.redis.managed is not None:
        found.append(redis.service(pipeline))
        found.append(redis.stateful_set(pipeline, pipeline.redis.managed, redis_credentials))
    found.append(configmap.config_map(pipeline))
    found.append(deployment.deployment(pipeline, redis_credentials))
    found.append(service.service(pipeline))
    if pipeline.expose.ingress:
        found.append(ingress.ingress(pipeline))
    if pipeline.autoscaling.enabled:
        found.append(autoscaler.autoscaler(pipeline))
    if pipeline.min_pods > 1:  # with one pod a budget would only block the drain of its node
        found.append(disruptionbudget.disruption_budget(pipeline))
    if pipeline.monitoring.service_monitor:
        found.append(service.metrics_service(pipeline))
        if service_monitors:
            found.append(servicemonitor.service_monitor(pipeline))
    return found
