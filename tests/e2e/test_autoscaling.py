"""Load comes and goes: the HPA follows it up and down, and the operator does not interfere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from anomaly_dataplane.contract.runtime import PATH_INGEST
from device import Fleet
from kube import Kubectl
from pipelines import RESOURCE, Pipeline, noise
from polling import eventually

pytestmark = pytest.mark.e2e

SPEC: dict[str, Any] = {
    "autoscaling": {
        "minReplicas": 1,
        "maxReplicas": 2,
        "targetCPUUtilizationPercentage": 50,
        "behavior": {
            "scaleUp": {"stabilizationWindowSeconds": 0},
            "scaleDown": {
                "stabilizationWindowSeconds": 0,
                "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
            },
        },
    },
    "resources": {"requests": {"cpu": "40m"}},
}
"""A request so small that a test's load is plenty, and none of the usual five minutes' patience."""


@pytest.fixture(scope="module")
def pipeline(kubectl: Kubectl, ingress: str) -> Iterator[Pipeline]:
    """A pipeline that starts with one pod."""
    pipeline = Pipeline(kubectl, "elastic", ingress)
    pipeline.apply(SPEC)
    pipeline.await_ready()
    pipeline.send_until_taken(noise("hello", "world", 1))
    yield pipeline
    kubectl.delete(RESOURCE, pipeline.name, wait=False)


def test_pods_follow_the_load_up_and_down(pipeline: Pipeline) -> None:
    """More than 50 % CPU: a second pod. Silence: one again. No sample is lost on either way."""
    eventually("the HPA sees CPU", lambda: current_cpu(pipeline) is not None, within=300, pause=1)
    before = pipeline.stats()["samples"]
    with Fleet(pipeline.base + PATH_INGEST, metric="rush", devices=20, rate=120) as fleet:
        eventually("two pods are ready", lambda: ready(pipeline) == 2, within=300, pause=1)
    eventually("one pod is left", lambda: wanted(pipeline) == 1, within=300, pause=1)

    assert fleet.report.surprises == []
    assert pipeline.stats()["samples"] - before == fleet.report.sent
    pipeline.await_condition("AutoscalingActive", "True")


def current_cpu(pipeline: Pipeline) -> object:
    autoscaler = pipeline.kubectl.need("hpa", pipeline.name)
    for metric in autoscaler["status"].get("currentMetrics") or []:
        return metric.get("resource", {}).get("current", {}).get("averageUtilization")
    return None


def ready(pipeline: Pipeline) -> int:
    count = pipeline.kubectl.need("deployment", pipeline.name)["status"].get("readyReplicas", 0)
    assert isinstance(count, int)
    return count


def wanted(pipeline: Pipeline) -> int:
    count = pipeline.kubectl.need("deployment", pipeline.name)["spec"]["replicas"]
    assert isinstance(count, int)
    return count
