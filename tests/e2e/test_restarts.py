"""Pods come and go: the data plane's, Redis'. What was acknowledged stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from anomaly_dataplane.contract.runtime import PATH_INGEST
from device import Fleet
from kube import Kubectl
from pipelines import LIGHT, RESOURCE, Pipeline, noise
from polling import eventually
from tools import environment

pytestmark = pytest.mark.e2e

SPEC: dict[str, Any] = {
    **LIGHT,
    "replicas": 2,
    "autoscaling": {"enabled": False},
    "redis": {"managed": {"storage": {"size": "1Gi"}}},
}


@pytest.fixture(scope="module")
def pipeline(kubectl: Kubectl, ingress: str) -> Iterator[Pipeline]:
    """Two data-plane pods behind the ingress, and a managed Redis."""
    pipeline = Pipeline(kubectl, "sturdy", ingress)
    pipeline.apply(SPEC)
    pipeline.await_ready()
    pipeline.send_until_taken(noise("hello", "world", 1))
    yield pipeline
    kubectl.delete(RESOURCE, pipeline.name, wait=False)


@contextmanager
def load(pipeline: Pipeline, metric: str, *, rate: float) -> Iterator[Fleet]:
    """Send while the block runs; then every sample was taken and is in Redis exactly once."""
    before = pipeline.stats()["samples"]
    with flow(pipeline.base, metric, rate=rate) as fleet:
        yield fleet
    assert pipeline.stats()["samples"] - before == fleet.report.sent, fleet.report.statuses


@contextmanager
def flow(base: str, metric: str, *, rate: float) -> Iterator[Fleet]:
    """Send to one address, over kept connections; then every sample was taken."""
    with Fleet(base + PATH_INGEST, metric=metric, rate=rate) as fleet:
        eventually("samples flow", lambda: fleet.report.acknowledged > 50)
        yield fleet
        seen = fleet.report.acknowledged
        eventually("samples flow", lambda: fleet.report.acknowledged > seen + 50)
    assert fleet.report.acknowledged == fleet.report.sent, fleet.report.statuses


def ways(pipeline: Pipeline) -> list[str]:
    """The ingress, and the Service itself where this machine reaches it: no proxy that repeats."""
    if environment()["provider"] != "local":
        return [pipeline.base]
    address = pipeline.kubectl.need("service", pipeline.name)["spec"]["clusterIP"]
    return [pipeline.base, f"http://{address}"]


def names_of(pipeline: Pipeline) -> set[str]:
    return {pod["metadata"]["name"] for pod in pipeline.pods()}


def all_replaced(pipeline: Pipeline, old: set[str]) -> bool:
    """Tell whether as many new pods are ready as there were old ones."""
    new = names_of(pipeline)
    ready = pipeline.read()["status"].get("readyReplicas", 0)
    return len(new) == len(old) and not new & old and ready == len(old)


def ended(pipeline: Pipeline, old: set[str]) -> bool:
    """Tell whether none of the old pods is left, not even one that still drains."""
    found = pipeline.kubectl.list("pods", pipeline.selector)
    return not old & {pod["metadata"]["name"] for pod in found}


def test_killed_pods_lose_nothing_and_warm_up_nothing_again(pipeline: Pipeline) -> None:
    """Every data-plane pod dies at once mid-stream: no acknowledged sample lost, windows warm."""
    pipeline.send_until_taken(noise("pressure", "pump-1", 60))
    old = names_of(pipeline)
    with load(pipeline, "through-the-crash", rate=100):
        for name in old:
            pipeline.kubectl.delete("pod", name, "--grace-period=0", "--force", wait=False)
        eventually("new pods are ready", lambda: all_replaced(pipeline, old))

    next_one = noise("pressure", "pump-1", 1, first=60)
    answer = pipeline.send_until_taken(next_one, verdicts=True)
    assert answer.body["verdicts"][0]["status"] in {"ok", "outlier"}
    assert answer.body["verdicts"][0]["n"] == 60


def test_a_rolling_restart_under_load_is_invisible_to_clients(pipeline: Pipeline) -> None:
    """`kubectl rollout restart`: clients see 2xx, or 503 with Retry-After, and nothing is lost."""
    old, before = names_of(pipeline), pipeline.stats()["samples"]
    with ExitStack() as flows:
        fleets = [
            flows.enter_context(flow(way, f"rolling-{number}", rate=100))
            for number, way in enumerate(ways(pipeline))
        ]
        pipeline.kubectl.run("rollout", "restart", f"deployment/{pipeline.name}")
        eventually("every pod is new", lambda: all_replaced(pipeline, old))
        eventually("the old ones have ended", lambda: ended(pipeline, old))

    for fleet in fleets:
        assert fleet.report.surprises == []
    sent = sum(fleet.report.sent for fleet in fleets)
    assert pipeline.stats()["samples"] - before == sent


def test_a_killed_redis_comes_back_with_all_it_had(pipeline: Pipeline) -> None:
    """Its pod is killed under load: senders wait or get 503, then nothing is missing."""
    pod = f"{pipeline.name}-redis-0"
    before = pipeline.kubectl.need("pod", pod)["metadata"]["uid"]

    def a_new_one_is_ready() -> bool:
        now = pipeline.kubectl.get("pod", pod) or {"metadata": {"uid": before}}
        ready = {"type": "Ready", "status": "True"}
        conditions = now.get("status", {}).get("conditions", [])
        return now["metadata"]["uid"] != before and any(
            ready.items() <= condition.items() for condition in conditions
        )

    with load(pipeline, "redis-dies", rate=50) as fleet:
        pipeline.kubectl.delete("pod", pod, wait=False)
        eventually("a new Redis is ready", a_new_one_is_ready)

    assert fleet.report.surprises == []
    next_one = noise("pressure", "pump-1", 1, first=61)
    answer = pipeline.send_until_taken(next_one, verdicts=True)
    assert answer.body["verdicts"][0]["n"] == 61
