"""Redis of the user's own, run beside a pipeline: one server, or a Cluster of three primaries."""

from __future__ import annotations

from typing import Any

from kube import Kubectl, Manifest
from polling import eventually

PORT = 6379


def secret(name: str, password: str) -> Manifest:
    """The Secret that `spec.redis.secretRef` names."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": {"password": password},
    }


def service(name: str) -> Manifest:
    """A headless Service, which also gives the pods of a StatefulSet names of their own."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "clusterIP": "None",
            "selector": {"app": name},
            "ports": [{"name": "redis", "port": PORT}],
        },
    }


def servers(name: str, image: str, count: int, options: list[str]) -> Manifest:
    """A StatefulSet of Redis servers that Pod Security `restricted` admits."""
    container: dict[str, Any] = {
        "name": "redis",
        "image": image,
        "args": ["redis-server", "--dir", "/data", *options],
        "env": [
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": count,
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 999,
                        "runAsGroup": 999,
                        "fsGroup": 999,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "terminationGracePeriodSeconds": 1,
                    "containers": [container],
                    "volumes": [{"name": "data", "emptyDir": {}}],
                },
            },
        },
    }


def run_server(kubectl: Kubectl, name: str, image: str, password: str) -> None:
    """Start one Redis with a password."""
    kubectl.apply(service(name), servers(name, image, 1, ["--requirepass", password]))


def run_cluster(kubectl: Kubectl, name: str, image: str, password: str) -> None:
    """Start a Redis Cluster of three primaries and wait until it covers every slot."""
    options = ["--cluster-enabled", "yes", "--cluster-announce-ip", "$(POD_IP)"]
    if password:
        options += ["--requirepass", password, "--masterauth", password]
    kubectl.apply(service(name), servers(name, image, 3, options))
    kubectl.run("rollout", "status", f"statefulset/{name}", "--timeout=180s", timeout=200)
    pods = kubectl.list("pods", f"app={name}")
    nodes = [f"{pod['status']['podIP']}:{PORT}" for pod in pods]
    cli = ["exec", f"{name}-0", "--", "env", f"REDISCLI_AUTH={password}", "redis-cli"]
    kubectl.run(*cli, "--cluster", "create", *nodes, "--cluster-yes", timeout=60)
    eventually(
        "the Redis Cluster covers every slot",
        lambda: "cluster_state:ok" in kubectl.run(*cli, "cluster", "info"),
    )
