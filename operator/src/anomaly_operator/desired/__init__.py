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
    httproute,
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
    if pipeline.expose.http_route and kinds.HTTP_ROUTE in served:
        found.append(httproute.http_route(pipeline))
    found += networkpolicy.policies(pipeline)
    if pipeline.autoscaling.enabled and not pipeline.suspend:
        found.append(autoscaler.autoscaler(pipeline))
    if pipeline.min_pods > 1:  # with one pod a budget would only block the drain of its node
        found.append(disruptionbudget.disruption_budget(pipeline))
    monitoring = pipeline.monitoring
    if monitoring.service_monitor:
        found.append(service.metrics_service(pipeline))
        if kinds.SERVICE_MONITOR in served:
            found.append(servicemonitor.service_monitor(pipeline))
    if alerting(pipeline) and kinds.PROMETHEUS_RULE in served:
        found.append(prometheusrule.prometheus_rule(pipeline))
    if monitoring.dashboard and kinds.SERVICE_MONITOR in served:
        found.append(dashboard.config_map(pipeline))  # without Prometheus it would show nothing
    return found


def optional(pipeline: Pipeline) -> frozenset[Kind]:
    """The kinds on which something wanted depends and that a cluster may lack."""
    monitoring = pipeline.monitoring
    wanted = {
        kinds.HTTP_ROUTE: pipeline.expose.http_route,
        kinds.SERVICE_MONITOR: monitoring.service_monitor or monitoring.dashboard,
        kinds.PROMETHEUS_RULE: alerting(pipeline),
    }
    return frozenset(kind for kind, is_wanted in wanted.items() if is_wanted)


def alerting(pipeline: Pipeline) -> bool:
    """Whether there are alerts; of a suspended pipeline silence is no news."""
    return pipeline.monitoring.prometheus_rule and not pipeline.suspend
