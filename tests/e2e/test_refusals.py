"""Mistakes in a CR never reach the operator: the API server refuses them, naming the field."""

from __future__ import annotations

from typing import Any

import pytest

from kube import Kubectl, Refused
from pipelines import resource

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"detection": {"treshold": "2"}}, ["spec.detection.treshold", "unknown field"]),
        ({"detection": {"threshold": 2.5}}, ["spec.detection.threshold", "string"]),
        ({"detection": {"threshold": "two"}}, ["spec.detection.threshold", "0.1 to 1000"]),
        ({"detection": {"window": 5}}, ["spec.detection.window", "10"]),
        ({"detection": {"window": "120"}}, ["spec.detection.window", "integer"]),
        ({"detection": {"direction": "Up"}}, ["spec.detection.direction", "Both", "Above"]),
        ({"detection": {"window": 20, "minSamples": 30}}, ["minSamples", "window"]),
        ({"replicas": 0}, ["spec.replicas", "greater than or equal to 1"]),
        (
            {"autoscaling": {"minReplicas": 5, "maxReplicas": 2}},
            ["spec.autoscaling", "minReplicas", "maxReplicas"],
        ),
        ({"ingest": {"maxFuture": "soon"}}, ["spec.ingest.maxFuture", '"30s"']),
        ({"resources": {"requests": {"cpu": "much"}}}, ["spec.resources.requests", "such as 500m"]),
        ({"expose": {"path": "boiler/"}}, ["spec.expose.path", "/sensors/boiler"]),
        ({"monitoring": {"interval": "0s"}}, ["spec.monitoring.interval", "1s to 1h"]),
        ({"redis": {"urls": ["r:6379"]}}, ["spec.redis.urls", "Managed", "Standalone"]),
        (
            {"redis": {"mode": "Standalone", "urls": ["redis://r:6379"]}},
            ["spec.redis.urls", "host:port"],
        ),
        ({"redis": {"mode": "Cluster"}}, ["spec.redis", "urls"]),
        ({"redis": {"mode": "Redis"}}, ["spec.redis.mode", "Managed", "Cluster"]),
        ({"expose": {"type": "NodePort"}}, ["spec.expose.type", "Ingress", "None"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_field_is_refused_by_name(
    kubectl: Kubectl, spec: dict[str, Any], words: list[str]
) -> None:
    """`kubectl apply` fails, and its message says which field and what is allowed."""
    with pytest.raises(Refused) as refused:
        kubectl.apply(resource("wrong", spec))

    for word in words:
        assert word in str(refused.value)
    assert kubectl.get("ap", "wrong") is None


def test_the_number_of_partitions_cannot_change(kubectl: Kubectl) -> None:
    """It decides where a series lives, so a live pipeline keeps it; the message says so."""
    spec = {"redis": {"partitions": 4}}
    kubectl.apply(resource("frozen", spec))
    try:
        with pytest.raises(Refused, match=r"partitions.*immutable"):
            kubectl.apply(resource("frozen", {**spec, "redis": {"partitions": 8}}))
    finally:
        kubectl.delete("ap", "frozen", wait=False)
