"""The managed Redis: one pod with an append-only file, behind a Service, with a password.

The password stands in a Secret that is made once and then left alone; it reaches the server by a
mounted config file and the probes by the environment, never by arguments.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from anomaly_dataplane.contract import runtime
from anomaly_operator import kinds, names
from anomaly_operator.desired import security
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.spec import ManagedRedis, Pipeline

CONTAINER = "redis"
_CONFIG_KEY = "redis.conf"
_CONFIG_DIR = "/etc/redis-auth"
_PORT_NAME = "redis"


def secret(pipeline: Pipeline, password: str) -> Manifest:
    """The Secret with a fresh password. Immutable, so that only a deletion can change it."""
    data = {
        runtime.SECRET_KEY_PASSWORD: password,
        _CONFIG_KEY: f"requirepass {password}\n",
    }
    return {
        **manifest(pipeline, kinds.SECRET, names.redis(pipeline.name), names.REDIS),
        "type": "Opaque",
        "immutable": True,
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def complete(live: Manifest) -> bool:
    """Whether a Secret holds what the pods mount."""
    data = live.get("data") or {}
    return bool(data.get(runtime.SECRET_KEY_PASSWORD)) and bool(data.get(_CONFIG_KEY))


def credentials(live: Manifest) -> str:
    """What changes with the password and does not tell it."""
    password = (live.get("data") or {}).get(runtime.SECRET_KEY_PASSWORD, "")
    text = f"{live['metadata']['uid']}:{password}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def service(pipeline: Pipeline) -> Manifest:
    """A Service with an address of its own, so that clients survive a restart of the pod."""
    return {
        **manifest(pipeline, kinds.SERVICE, names.redis(pipeline.name), names.REDIS),
        "spec": {
            "type": "ClusterIP",
            "selector": names.selector(pipeline.name, names.REDIS),
            "ports": [
                {
                    "name": _PORT_NAME,
                    "port": runtime.REDIS_PORT,
                    "targetPort": _PORT_NAME,
                    "protocol": "TCP",
                }
            ],
        },
    }


def stateful_set(pipeline: Pipeline, managed: ManagedRedis, credentials: str) -> Manifest:
    """The StatefulSet of one Redis."""
    selector = names.selector(pipeline.name, names.REDIS)
    template = {
        "metadata": {
            "labels": names.labels(pipeline.name, names.REDIS),
            "annotations": {names.ANNOTATION_REDIS_CREDENTIALS: credentials},
        },
        "spec": _pod(pipeline, managed),
    }
    spec: dict[str, Any] = {
        "replicas": 1,
        "serviceName": names.redis(pipeline.name),
        # With OrderedReady a pod that never gets ready (a misspelt image) is never replaced, not
        # even after the spec was corrected.
        "podManagementPolicy": "Parallel",
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": selector},
        "template": template,
    }
    if managed.storage_size:
        claim: dict[str, Any] = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": managed.storage_size}},
        }
        if managed.storage_class:
            claim["storageClassName"] = managed.storage_class
        spec["volumeClaimTemplates"] = [
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "data", "labels": selector},
                "spec": claim,
            }
        ]
        # Every key carries the pipeline's uid: nobody could read the volume after it.
        spec["persistentVolumeClaimRetentionPolicy"] = {
            "whenDeleted": "Delete",
            "whenScaled": "Retain",
        }
    name = names.redis(pipeline.name)
    return {**manifest(pipeline, kinds.STATEFUL_SET, name, names.REDIS), "spec": spec}


def _pod(pipeline: Pipeline, managed: ManagedRedis) -> dict[str, Any]:
    name = names.redis(pipeline.name)
    config: dict[str, Any] = {
        "secretName": name,
        "items": [{"key": _CONFIG_KEY, "path": _CONFIG_KEY}],
        "defaultMode": 0o440,
    }
    volumes: list[dict[str, Any]] = [{"name": "auth", "secret": config}]
    if not managed.storage_size:
        volumes.append({"name": "data", "emptyDir": {}})
    pod: dict[str, Any] = {
        "serviceAccountName": names.dataplane(pipeline.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": security.pod(security.REDIS_UID, fs_group=True),
        "terminationGracePeriodSeconds": 30,
        "containers": [_container(pipeline, managed)],
        "volumes": volumes,
    }
    if pipeline.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in pipeline.image_pull_secrets]
    return pod


def _container(pipeline: Pipeline, managed: ManagedRedis) -> dict[str, Any]:
    key = {"name": names.redis(pipeline.name), "key": runtime.SECRET_KEY_PASSWORD}
    return {
        "name": CONTAINER,
        "image": managed.image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["redis-server", f"{_CONFIG_DIR}/{_CONFIG_KEY}", *_options(managed)],
        "env": [{"name": "REDISCLI_AUTH", "valueFrom": {"secretKeyRef": key}}],
        "ports": [{"name": _PORT_NAME, "containerPort": runtime.REDIS_PORT}],
        "resources": dict(managed.resources) or _resources(managed.max_memory_mb),
        "securityContext": security.container(),
        "startupProbe": {
            "tcpSocket": {"port": _PORT_NAME},
            "periodSeconds": 1,
            "failureThreshold": 120,
        },
        "livenessProbe": {
            "tcpSocket": {"port": _PORT_NAME},
            "periodSeconds": 10,
            "timeoutSeconds": 3,
            "failureThreshold": 3,
        },
        "readinessProbe": {  # -e: an error such as LOADING is a failure
            "exec": {"command": ["redis-cli", "-e", "ping"]},
            "periodSeconds": 5,
            "timeoutSeconds": 3,
            "failureThreshold": 2,
        },
        "volumeMounts": [
            {"name": "auth", "mountPath": _CONFIG_DIR, "readOnly": True},
            {"name": "data", "mountPath": "/data"},
        ],
    }


def _options(managed: ManagedRedis) -> list[str]:
    options = {
        "port": str(runtime.REDIS_PORT),
        "dir": "/data",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": f"{managed.max_memory_mb}mb",
        "maxmemory-policy": "noeviction",  # a full Redis must refuse, not forget windows
    }
    return [part for name, value in options.items() for part in (f"--{name}", value)]


def _resources(max_memory_mb: int) -> dict[str, Any]:
    """Room for the data, for the pages copied while the file is rewritten, and for the server."""
    return {
        "requests": {"cpu": "50m", "memory": f"{max_memory_mb // 4 + 32}Mi"},
        "limits": {"memory": f"{max_memory_mb * 3 // 2 + 64}Mi"},
    }
