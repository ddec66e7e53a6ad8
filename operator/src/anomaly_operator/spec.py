"""AnomalyPipeline as the API has it -> frozen Pipeline, or InvalidSpec naming every problem.

Called by `reconcile` and `render`. The groups that only pods read (ingest, buffer, workers,
detection) are passed on as they are and checked by the pods' own parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from anomaly_dataplane.contract import config
from anomaly_dataplane.contract.fields import DURATION_PATTERN, Duration, FieldError, InvalidConfig
from anomaly_dataplane.contract.runtime import REDIS_PORT
from anomaly_operator import names, schema
from anomaly_operator.errors import InvalidSpec, Problem
from anomaly_operator.settings import Settings

POD_GROUPS = ("ingest", "buffer", "workers", "detection", "alerting", "page")
"""Groups of `spec` that go into the config document unread."""

_HOST = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_PATH = re.compile(r"/|(/[A-Za-z0-9._~-]+)*")
_MAX_MEMORY = re.compile(r"([1-9][0-9]{0,5})(mb|gb)")
_SIZE = re.compile(r"[0-9]+(\.[0-9]+)?([KMGTPE]i|[kMGTPE])?")


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """How the number of pods follows the load."""

    enabled: bool
    min_replicas: int
    max_replicas: int
    target_cpu_percent: int
    behavior: Mapping[str, Any]
    metrics: tuple[Mapping[str, Any], ...]
    """Further ones, beside the CPU."""


@dataclass(frozen=True, slots=True)
class ManagedRedis:
    """The Redis that the operator runs."""

    image: str
    storage_size: str
    storage_class: str
    max_memory_mb: int
    resources: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Redis:
    """Where the state lives; `managed` is None for a Redis of the user's."""

    mode: str
    credentials_secret: str
    tls: bool
    managed: ManagedRedis | None


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The broker that the pods take messages from; the rest of it is theirs to read."""

    secret: str


@dataclass(frozen=True, slots=True)
class Expose:
    """How senders reach the pipeline."""

    type: str
    parent_refs: tuple[Mapping[str, Any], ...]
    host: str
    path: str
    class_name: str
    annotations: Mapping[str, str]
    tls_secret: str
    service_type: str
    service_port: int
    endpoint_ports: Mapping[int, int]
    """Ports on which routes are reached from outside, by the port that they say."""

    @property
    def ingress(self) -> bool:
        return self.type == "Ingress"

    @property
    def http_route(self) -> bool:
        return self.type == "HTTPRoute"

    @property
    def routed(self) -> bool:
        return self.ingress or self.http_route


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What Prometheus and Grafana are told of the pods."""

    service_monitor: bool
    prometheus_rule: bool
    dashboard: bool
    interval: str
    labels: Mapping[str, str]
    runbook_url: str


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """Who may speak with the pods, and with whom they may."""

    enabled: bool
    allow_from: tuple[Mapping[str, Any], ...]
    scrape_from: tuple[Mapping[str, Any], ...]
    allow_to: tuple[Mapping[str, Any], ...]
    operator_namespace: str
    """Where the operator itself runs, which asks the pods for their figures."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One AnomalyPipeline, checked and complete."""

    namespace: str
    name: str
    uid: str
    generation: int
    image: str
    image_pull_policy: str
    image_pull_secrets: tuple[str, ...]
    replicas: int
    autoscaling: Autoscaling
    resources: Mapping[str, Any]
    redis: Redis
    token_secret: str
    mqtt: Mqtt | None
    expose: Expose
    monitoring: Monitoring
    pod_template: Mapping[str, Any]
    network_policy: NetworkPolicy
    suspend: bool
    deletion_policy: str
    restarted_at: str
    document: Mapping[str, Any]
    """The config document of its pods."""

    @property
    def purges(self) -> bool:
        """Whether its deletion removes its state from a Redis of the user's."""
        return self.deletion_policy == "Delete" and self.redis.managed is None

    @property
    def min_pods(self) -> int:
        """Pods that there are at least."""
        if self.suspend:
            return 0
        return self.autoscaling.min_replicas if self.autoscaling.enabled else self.replicas


def parse(body: Mapping[str, Any], settings: Settings) -> Pipeline:
    """Read a resource; absent fields take the CRD's defaults.

    Raises:
        InvalidSpec: naming every field that cannot be used.
    """
    wanted = {name: value for name, value in body.items() if name != "status"}
    problems = list(schema.problems(wanted, schema.root(), ""))
    if problems:
        raise InvalidSpec(problems)
    spec = schema.defaulted(wanted, schema.root())["spec"]
    meta = body["metadata"]
    document = _document(meta, spec)
    problems = [*_across_fields(spec), *_of_document(document)]
    if problems:
        raise InvalidSpec(problems)
    return Pipeline(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta.get("generation", 0),
        image=spec["image"] or settings.dataplane_image,
        image_pull_policy=spec["imagePullPolicy"],
        image_pull_secrets=tuple(secret["name"] for secret in spec["imagePullSecrets"]),
        replicas=spec["replicas"],
        autoscaling=_autoscaling(spec["autoscaling"]),
        resources=spec["resources"],
        redis=_redis(meta["name"], spec["redis"], settings),
        token_secret=spec["ingest"]["auth"]["tokenSecretRef"]["name"],
        mqtt=_mqtt(spec["ingest"]["mqtt"]),
        expose=_expose(meta, spec["expose"], settings),
        monitoring=Monitoring(
            service_monitor=spec["monitoring"]["serviceMonitor"],
            prometheus_rule=spec["monitoring"]["prometheusRule"],
            dashboard=spec["monitoring"]["dashboard"],
            interval=spec["monitoring"]["interval"],
            labels=spec["monitoring"]["labels"],
            runbook_url=settings.runbook_url,
        ),
        pod_template=spec["podTemplate"],
        network_policy=_network_policy(spec["networkPolicy"], settings),
        suspend=spec["suspend"],
        deletion_policy=spec["deletionPolicy"],
        restarted_at=(meta.get("annotations") or {}).get(names.ANNOTATION_RESTARTED_AT, ""),
        document=document,
    )


def _autoscaling(group: Mapping[str, Any]) -> Autoscaling:
    return Autoscaling(
        enabled=group["enabled"],
        min_replicas=group["minReplicas"],
        max_replicas=group["maxReplicas"],
        target_cpu_percent=group["targetCPUUtilizationPercentage"],
        behavior=group["behavior"],
        metrics=tuple(group["metrics"]),
    )


def _network_policy(group: Mapping[str, Any], settings: Settings) -> NetworkPolicy:
    return NetworkPolicy(
        enabled=group["enabled"],
        allow_from=tuple(group["allowFrom"]),
        scrape_from=tuple(group["scrapeFrom"]),
        allow_to=tuple(group["allowTo"]),
        operator_namespace=settings.namespace,
    )


def _redis(cr_name: str, group: Mapping[str, Any], settings: Settings) -> Redis:
    if group["mode"] != "Managed":
        return Redis(group["mode"], group["secretRef"]["name"], group["tls"]["enabled"], None)
    managed = group["managed"]
    number, unit = _MAX_MEMORY.fullmatch(managed["maxMemory"]).groups()  # type: ignore[union-attr]  # checked before
    return Redis(
        mode="Managed",
        credentials_secret=names.redis(cr_name),
        tls=False,
        managed=ManagedRedis(
            image=managed["image"] or settings.redis_image,
            storage_size=managed["storage"]["size"],
            storage_class=managed["storage"]["storageClassName"],
            max_memory_mb=int(number) * (1024 if unit == "gb" else 1),
            resources={name: value for name, value in managed["resources"].items() if value},
        ),
    )


def _mqtt(group: Mapping[str, Any]) -> Mqtt | None:
    return Mqtt(group["secretRef"]["name"]) if group["broker"] else None


def _expose(meta: Mapping[str, Any], group: Mapping[str, Any], settings: Settings) -> Expose:
    return Expose(
        type=group["type"],
        parent_refs=tuple(group["parentRefs"]),
        host=group["host"],
        path=_path(meta, group),
        class_name=group["ingressClassName"],
        annotations=group["annotations"],
        tls_secret=group["tls"]["secretName"],
        service_type=group["service"]["type"],
        service_port=group["service"]["port"],
        endpoint_ports=dict(settings.endpoint_ports),
    )


def _path(meta: Mapping[str, Any], group: Mapping[str, Any]) -> str:
    return group["path"] or f"/{meta['namespace']}/{meta['name']}"


def _document(meta: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    redis = spec["redis"]
    if redis["mode"] == "Managed":
        mode = config.RedisMode.STANDALONE.value
        urls = [f"{names.redis(meta['name'])}.{meta['namespace']}.svc:{REDIS_PORT}"]
    else:
        mode, urls = redis["mode"], list(redis["urls"])
    groups: dict[str, object] = {name: spec[name] for name in POD_GROUPS}
    reached = {"mode": mode, "urls": urls, "partitions": redis["partitions"]}
    # Named only where it is used: a pod of an older image need not know them.
    if redis["sentinelMaster"]:
        reached["sentinelMaster"] = redis["sentinelMaster"]
    if redis["tls"]["enabled"]:
        reached["tls"] = redis["tls"]
    if redis["minReplicasToWrite"]:
        reached["minReplicasToWrite"] = redis["minReplicasToWrite"]
    groups["redis"] = reached
    if not spec["ingest"]["mqtt"]["broker"]:
        groups["ingest"] = {k: v for k, v in spec["ingest"].items() if k != "mqtt"}
    identity = {name: meta[name] for name in ("namespace", "name", "uid")}
    routed = spec["expose"]["type"] != "None"
    base_path = _path(meta, spec["expose"]).rstrip("/") if routed else ""
    return config.document(identity, base_path, groups)


def at_address(pipeline: Pipeline, public_url: str) -> Pipeline:
    """The pipeline whose pods know where people reach it; empty if that is not known."""
    if not public_url:
        return pipeline
    return replace(pipeline, document={**pipeline.document, "publicUrl": public_url})


def _of_document(document: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        config.parse(document)
    except InvalidConfig as error:
        for found in error.errors:
            yield Problem(f"spec.{found.path}", found.problem)


Rule = tuple[str, Callable[[Mapping[str, Any]], bool], str]

RULES: tuple[Rule, ...] = (
    (
        "spec.autoscaling.minReplicas",
        lambda spec: spec["autoscaling"]["minReplicas"] <= spec["autoscaling"]["maxReplicas"],
        "(1 if not set) must be at most maxReplicas (5 if not set)",
    ),
    (
        "spec.redis.urls",
        lambda spec: spec["redis"]["mode"] != "Managed" or not spec["redis"]["urls"],
        "must be empty with mode Managed; to use your own Redis set mode to Standalone, Sentinel "
        "or Cluster",
    ),
    (
        "spec.redis.secretRef",
        lambda spec: spec["redis"]["mode"] != "Managed" or not spec["redis"]["secretRef"]["name"],
        "name must be empty with mode Managed, whose password is generated",
    ),
    (
        "spec.redis.urls",
        lambda spec: spec["redis"]["mode"] == "Managed" or bool(spec["redis"]["urls"]),
        "is required with mode Standalone, Sentinel or Cluster: one or more host:port, such as "
        "redis.example:6379",
    ),
    (
        "spec.redis.tls.enabled",
        lambda spec: spec["redis"]["mode"] != "Managed" or not spec["redis"]["tls"]["enabled"],
        "must be false with mode Managed, whose Redis speaks no TLS",
    ),
    (
        "spec.redis.minReplicasToWrite",
        lambda spec: spec["redis"]["mode"] != "Managed" or not spec["redis"]["minReplicasToWrite"],
        "must be 0 with mode Managed, whose Redis has no replicas",
    ),
    (
        "spec.redis.urls",
        lambda spec: spec["redis"]["mode"] != "Standalone" or len(spec["redis"]["urls"]) <= 1,
        "must hold exactly one host:port with mode Standalone; several make a Cluster",
    ),
    (
        "spec.redis.managed.storage.size",
        lambda spec: _matches(_SIZE, spec["redis"]["managed"]["storage"]["size"], empty=True),
        "must be a size such as 1Gi, or empty for no volume",
    ),
    (
        "spec.redis.managed.maxMemory",
        lambda spec: _matches(_MAX_MEMORY, spec["redis"]["managed"]["maxMemory"]),
        "must be a whole number followed by mb or gb, such as 256mb",
    ),
    (
        "spec.expose.parentRefs",
        lambda spec: spec["expose"]["type"] != "HTTPRoute" or bool(spec["expose"]["parentRefs"]),
        "is required with type HTTPRoute: the Gateway to attach to, such as "
        "[{name: public, namespace: gateways}]",
    ),
    (
        "spec.expose.parentRefs",
        lambda spec: spec["expose"]["type"] == "HTTPRoute" or not spec["expose"]["parentRefs"],
        "must be empty unless type is HTTPRoute",
    ),
    (
        "spec.expose.ingressClassName",
        lambda spec: (
            spec["expose"]["type"] != "HTTPRoute" or not spec["expose"]["ingressClassName"]
        ),
        "must be empty with type HTTPRoute, which names its Gateway in parentRefs",
    ),
    (
        "spec.expose.tls.secretName",
        lambda spec: (
            spec["expose"]["type"] != "HTTPRoute" or not spec["expose"]["tls"]["secretName"]
        ),
        "must be empty with type HTTPRoute, whose certificate belongs to the Gateway's listener",
    ),
    (
        "spec.expose.host",
        lambda spec: _matches(_HOST, spec["expose"]["host"], empty=True),
        "must be a DNS name in lower case, such as metrics.example.com, or empty for every host",
    ),
    (
        "spec.expose.path",
        lambda spec: _matches(_PATH, spec["expose"]["path"]),
        "must be empty, / or a path such as /sensors/boiler of letters, digits, dot, underscore, "
        "tilde and minus, without a slash at its end",
    ),
    (
        "spec.monitoring.interval",
        lambda spec: _within(Duration(1, 3600), spec["monitoring"]["interval"]),
        'must be a duration from 1s to 1h, such as "15s" or "1m30s" (units ms, s, m, h)',
    ),
)
"""The CRD's CEL rules that the pods' parser does not know, in its words; tests keep them equal."""


def _across_fields(spec: Mapping[str, Any]) -> Iterator[Problem]:
    for path, holds, message in RULES:
        if not holds(spec):
            yield Problem(path, message)


def _matches(pattern: re.Pattern[str], text: str, *, empty: bool = False) -> bool:
    return (empty and not text) or pattern.fullmatch(text) is not None


def _within(kind: Duration, text: str) -> bool:
    try:
        kind.read(text, "")
    except FieldError:
        return False
    return re.fullmatch(DURATION_PATTERN, text) is not None
