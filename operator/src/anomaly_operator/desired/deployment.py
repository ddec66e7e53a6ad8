"""The data plane's pods."""

from __future__ import annotations

from typing import Any

from anomaly_dataplane.contract import runtime
from anomaly_operator import kinds, names
from anomaly_operator.desired import security, strategic
from anomaly_operator.desired.configmap import restart_hash
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.spec import Pipeline

CONTAINER = "dataplane"


def deployment(pipeline: Pipeline, redis_credentials: str) -> Manifest:
    """The Deployment; without `replicas` while the HPA owns their number."""
    selector = names.selector(pipeline.name, names.DATAPLANE)
    spec: dict[str, Any] = {
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": 300,
        "selector": {"matchLabels": selector},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        },
        "template": _template(pipeline, redis_credentials),
    }
    if pipeline.suspend:
        spec["replicas"] = 0
    elif not pipeline.autoscaling.enabled:
        spec["replicas"] = pipeline.replicas
    name = names.dataplane(pipeline.name)
    return {**manifest(pipeline, kinds.DEPLOYMENT, name, names.DATAPLANE), "spec": spec}


def _template(pipeline: Pipeline, redis_credentials: str) -> Manifest:
    annotations = {names.ANNOTATION_CONFIG_HASH: restart_hash(pipeline)}
    if redis_credentials:
        annotations[names.ANNOTATION_REDIS_CREDENTIALS] = redis_credentials
    if pipeline.restarted_at:
        annotations[names.ANNOTATION_RESTARTED_AT] = pipeline.restarted_at
    labels = names.labels(pipeline.name, names.DATAPLANE)
    template = strategic.merged({"metadata": {}, "spec": _pod(pipeline)}, pipeline.pod_template)
    meta = template["metadata"]
    # Ours win: a Deployment selects its pods by these labels, and rolls them by these hashes.
    template["metadata"] = {
        "labels": {**meta.get("labels", {}), **labels},
        "annotations": {**meta.get("annotations", {}), **annotations},
    }
    return template


def _pod(pipeline: Pipeline) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "serviceAccountName": names.dataplane(pipeline.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": security.pod(security.DATAPLANE_UID),
        # No preStop: the process itself goes on serving for DRAIN_SECONDS after SIGTERM.
        "terminationGracePeriodSeconds": runtime.TERMINATION_GRACE_SECONDS,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": names.selector(pipeline.name, names.DATAPLANE)},
            }
        ],
        "containers": [_container(pipeline)],
        "volumes": [
            {"name": "config", "configMap": {"name": names.config(pipeline.name)}},
            {"name": "tmp", "emptyDir": {}},
            *redis_volumes(pipeline),
            *_token_volumes(pipeline),
            *_mqtt_volumes(pipeline),
            *_alertmanager_volumes(pipeline),
            *(_webhook_volume(name, secret) for name, secret in _webhooks(pipeline)),
        ],
    }
    if pipeline.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in pipeline.image_pull_secrets]
    return pod


def _container(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": pipeline.image,
        "imagePullPolicy": pipeline.image_pull_policy,
        "env": _env(pipeline),
        "ports": [
            {"name": runtime.HTTP_PORT_NAME, "containerPort": runtime.HTTP_PORT},
            {"name": runtime.ADMIN_PORT_NAME, "containerPort": runtime.ADMIN_PORT},
        ],
        "resources": dict(pipeline.resources),
        "securityContext": security.container(),
        "startupProbe": _probe(runtime.PATH_LIVEZ, period=1, failures=60),
        "livenessProbe": _probe(runtime.PATH_LIVEZ, period=10, failures=3),
        "readinessProbe": _probe(runtime.PATH_READYZ, period=3, failures=2),
        "volumeMounts": [
            # The whole directory, not a subPath: only so do changes reach a running pod.
            {"name": "config", "mountPath": runtime.CONFIG_DIR, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # an emptyDir of the pod's own
            *(
                {"name": volume["name"], "mountPath": runtime.REDIS_SECRET_DIR, "readOnly": True}
                for volume in redis_volumes(pipeline)
            ),
            *(
                {"name": volume["name"], "mountPath": runtime.TOKEN_SECRET_DIR, "readOnly": True}
                for volume in _token_volumes(pipeline)
            ),
            *(
                {"name": volume["name"], "mountPath": runtime.MQTT_SECRET_DIR, "readOnly": True}
                for volume in _mqtt_volumes(pipeline)
            ),
            *(
                {
                    "name": volume["name"],
                    "mountPath": runtime.ALERTMANAGER_SECRET_DIR,
                    "readOnly": True,
                }
                for volume in _alertmanager_volumes(pipeline)
            ),
            *(_webhook_mount(name) for name, _ in _webhooks(pipeline)),
        ],
    }


def redis_volumes(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The Secret for a Redis of the user's, as files: changes reach a running pod.

    Optional, so that a missing Secret is a reason that status tells: the environment asks for the
    password, or with TLS the pod itself says what it lacks.
    """
    name = pipeline.redis.credentials_secret
    if not name or pipeline.redis.managed is not None:
        return []
    secret = {"secretName": name, "optional": True, "defaultMode": 0o444}
    return [{"name": "redis", "secret": secret}]


def _token_volumes(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The Secret of tokens. Optional: while it is missing, pods let nobody in and say so."""
    if not pipeline.token_secret:
        return []
    secret = {"secretName": pipeline.token_secret, "optional": True, "defaultMode": 0o444}
    return [{"name": "tokens", "secret": secret}]


def _mqtt_volumes(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The Secret for an MQTT broker, optional in the same sense: the pod says what it lacks."""
    if pipeline.mqtt is None or not pipeline.mqtt.secret:
        return []
    secret = {"secretName": pipeline.mqtt.secret, "optional": True, "defaultMode": 0o444}
    return [{"name": "mqtt", "secret": secret}]


def _alertmanager_volumes(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The Secret for Alertmanagers."""
    name = pipeline.document["alerting"]["alertmanager"]["secretRef"]["name"]
    return [_receiver_volume("alertmanager", name, ())] if name else []


def _webhooks(pipeline: Pipeline) -> list[tuple[str, str]]:
    """(name, Secret) of the webhooks that have one."""
    webhooks = pipeline.document["alerting"]["webhooks"]
    named = [(webhook["name"], webhook["secretRef"]["name"]) for webhook in webhooks]
    return [(name, secret) for name, secret in named if secret]


def _webhook_volume(name: str, secret: str) -> dict[str, Any]:
    return _receiver_volume(names.webhook_volume(name), secret, (runtime.SECRET_KEY_WEBHOOK,))


def _receiver_volume(volume: str, secret: str, more_keys: tuple[str, ...]) -> dict[str, Any]:
    """The Secret of a receiver of alerts: its known keys only, whatever else it holds.

    Optional, and so is each key: ingest never waits for it, and what is to be sent does.
    """
    keys = (*runtime.RECEIVER_SECRET_KEYS, *more_keys)
    source = {
        "secretName": secret,
        "optional": True,
        "defaultMode": 0o444,
        "items": [{"key": key, "path": key} for key in keys],
    }
    return {"name": volume, "secret": source}


def _webhook_mount(name: str) -> dict[str, Any]:
    path = f"{runtime.WEBHOOK_SECRET_DIR}/{name}"
    return {"name": names.webhook_volume(name), "mountPath": path, "readOnly": True}


def _env(pipeline: Pipeline) -> list[dict[str, Any]]:
    env: list[dict[str, Any]] = [
        {"name": runtime.ENV_CONFIG, "value": runtime.CONFIG_PATH},
        {"name": runtime.ENV_DRAIN_SECONDS, "value": str(runtime.DRAIN_SECONDS)},
    ]
    if pipeline.mqtt is not None:
        # The broker knows a pod by it, before and after a crash.
        name = {"fieldRef": {"fieldPath": "metadata.name"}}
        env.append({"name": runtime.ENV_POD_NAME, "valueFrom": name})
        if pipeline.mqtt.secret:
            env.append({"name": runtime.ENV_MQTT_SECRET_DIR, "value": runtime.MQTT_SECRET_DIR})
    return env + redis_env(pipeline)


def redis_env(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The credentials for Redis, of the managed one too."""
    env: list[dict[str, Any]] = []
    secret = pipeline.redis.credentials_secret
    if secret:
        password = _from_secret(runtime.ENV_REDIS_PASSWORD, secret, runtime.SECRET_KEY_PASSWORD)
        if pipeline.redis.tls:  # a client certificate may take its place
            password["valueFrom"]["secretKeyRef"]["optional"] = True
        env.append(password)
    if secret and pipeline.redis.managed is None:
        username = _from_secret(runtime.ENV_REDIS_USERNAME, secret, runtime.SECRET_KEY_USERNAME)
        username["valueFrom"]["secretKeyRef"]["optional"] = True
        env.append(username)
        env.append({"name": runtime.ENV_REDIS_SECRET_DIR, "value": runtime.REDIS_SECRET_DIR})
    return env


def _from_secret(variable: str, secret: str, key: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": runtime.ADMIN_PORT_NAME},
        "periodSeconds": period,
        # On a node without CPU to spare a pod that is killed for answering late makes it worse.
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }
