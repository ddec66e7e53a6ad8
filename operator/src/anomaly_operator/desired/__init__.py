"""What should exist for a pipeline: the table of contents.

Pure: from a Pipeline to plain dicts, no kopf, no client. Called by `reconcile` and `render`.
Whether something should exist is decided here; how it looks, in the file of its kind.
"""

from __future__ import annotations

from collections.abc import Collection

from anomaly_operator import kinds
from anomaly_operator.desired import (
    autoscaler,
    configmap,
    dashboard,
    deployment,
    disruptionbudget,
    ingress,
    networkpolicy,
    prometheusrule,
    redis,
    service,
    serviceaccount,
    servicemonitor,
)
from anomaly_operator.desired.metadata import Manifest
from anomaly_operator.kinds import Kind
from anomaly_operator.spec import Pipeline


def objects(
    pipeline: Pipeline, *, served: Collection[Kind], redis_credentials: str
) -> list[Manifest]:
    """Every object to apply, in the order in which to apply them.

    Args:
        pipeline: what is wanted.
        served: the optional kinds that the cluster knows.
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
    found += networkpolicy.policies(pipeline)
    if pipeline.autoscaling.enabled and not pipeline.suspend:
        found.append(autoscaler.autoscaler(pipeline))
    if pipeline.min_pods > 1:  # with one pod a budget would only block the drain of its node
        found.append(disruptionbudget.disruption_budget(pipeline))
    if pipeline.monitoring.service_monitor:
        found.append(service.metrics_service(pipeline))
    wanted = [kind for kind in optional(pipeline) if kind in served]
    if kinds.SERVICE_MONITOR in wanted:
        found.append(servicemonitor.service_monitor(pipeline))
    if kinds.PROMETHEUS_RULE in wanted:
        found.append(prometheusrule.prometheus_rule(pipeline))
    if pipeline.monitoring.dashboard and kinds.SERVICE_MONITOR in served:
        found.append(dashboard.config_map(pipeline))  # without Prometheus it would show nothing
    return found


def optional(pipeline: Pipeline) -> tuple[Kind, ...]:
    """The kinds that are wanted and that a cluster may lack."""
    return tuple(
        kind
        for kind, wanted in (
            (kinds.SERVICE_MONITOR, pipeline.monitoring.service_monitor),
            (kinds.PROMETHEUS_RULE, pipeline.monitoring.prometheus_rule),
        )
        if wanted
    )
