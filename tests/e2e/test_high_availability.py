"""Two operators: the one that acts is killed, and the other takes over; then both are.

Within 20 s in tests/apiserver, where nothing else takes the CPU; within a minute here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from anomaly_dataplane.contract.runtime import PATH_INGEST
from device import Fleet
from installation import Helm
from kube import Kubectl
from pipelines import RESOURCE, Pipeline, noise
from polling import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

LEASE = "anomaly-operator"
SPEC: dict[str, Any] = {
    "autoscaling": {"enabled": False},
    "networkPolicy": {
        "enabled": True,
        "allowFrom": [{"namespaceSelector": {}}],
        "allowTo": [{"ports": [{"port": 9093, "protocol": "TCP"}]}],
    },
}


@pytest.fixture(scope="module")
def pair(operator: Kubectl, helm: Helm, values: dict[str, Any]) -> Iterator[Kubectl]:
    """The release with two replicas; one again when the stories are told."""
    helm.install({**values, "replicas": 2})
    yield operator
    helm.install(values)


@pytest.fixture(scope="module")
def pipeline(pair: Kubectl, kubectl: Kubectl, ingress: str) -> Iterator[Pipeline]:
    """A pipeline behind network policies."""
    pipeline = Pipeline(kubectl, "looked-after", ingress)
    pipeline.apply(SPEC)
    pipeline.await_ready()
    yield pipeline
    kubectl.delete(RESOURCE, pipeline.name, wait=False)


def leader(system: Kubectl) -> str:
    """The pod that holds the Lease."""
    holder = system.need("lease", LEASE)["spec"].get("holderIdentity") or ""
    return str(holder).partition("_")[0]


def test_a_killed_leader_is_replaced(pair: Kubectl, pipeline: Pipeline) -> None:
    """By force: the other one takes the Lease, and heals what is broken then.

    A Lease is believed for 15 s; a minute, by the clock of the cluster, allows for a busy one.
    """
    first = leader(pair)
    pods = {pod["metadata"]["name"] for pod in pair.list("pods", f"app.kubernetes.io/name={LEASE}")}
    assert first in pods
    assert len(pods) == 2

    killed = time.time()
    pair.delete("pod", first, "--grace-period=0", "--force", wait=False)
    eventually("the other leads", lambda: leader(pair) not in ("", first))
    taken = pair.need("lease", LEASE)["spec"]["acquireTime"]
    assert datetime.fromisoformat(taken).timestamp() - killed < 60
    pipeline.kubectl.delete("service", pipeline.name, wait=False)
    eventually(
        "the Service is back",
        lambda: pipeline.kubectl.get("service", pipeline.name),
    )

    pipeline.await_ready()
    pipeline.send_until_taken(noise("after", "the-kill", 1))


def test_killed_operators_leave_the_data_plane_alone(pair: Kubectl, pipeline: Pipeline) -> None:
    """Samples flow while all are killed; the new ones change nothing and take up their work."""
    pods, before = names_of(pipeline), pipeline.stats()["samples"]
    with Fleet(pipeline.base + PATH_INGEST, metric="without-operator", rate=50) as fleet:
        eventually("samples flow", lambda: fleet.report.acknowledged > 50)
        selector = f"app.kubernetes.io/name={LEASE}"
        pair.run("delete", "pod", "-l", selector, "--grace-period=0", "--force")
        pair.run("rollout", "status", f"deployment/{LEASE}", "--timeout=180s")

    assert fleet.report.surprises == []
    assert fleet.report.acknowledged == fleet.report.sent
    assert pipeline.stats()["samples"] - before == fleet.report.sent
    assert names_of(pipeline) == pods
    pipeline.kubectl.delete("service", pipeline.name, wait=False)
    eventually(
        "the new operators heal",
        lambda: pipeline.kubectl.get("service", pipeline.name),
    )
    pipeline.await_ready()


def names_of(pipeline: Pipeline) -> set[str]:
    return {pod["metadata"]["name"] for pod in pipeline.pods()}


def test_network_policies_are_in_place_and_let_work_go_on(pipeline: Pipeline) -> None:
    """For the pods and for Redis. `make cluster` has a network that enforces none of them."""
    found = pipeline.children(["networkpolicies"])

    assert set(found) == {
        f"NetworkPolicy/{pipeline.name}",
        f"NetworkPolicy/{pipeline.name}-redis",
    }
    redis = found[f"NetworkPolicy/{pipeline.name}-redis"]["spec"]
    (rule,) = redis["ingress"]
    selected = rule["from"][0]["podSelector"]["matchLabels"]
    pod = pipeline.pods()[0]["metadata"]["labels"]
    assert selected.items() <= pod.items()
    assert redis["podSelector"]["matchLabels"].items() <= (
        pipeline.pods("redis")[0]["metadata"]["labels"].items()
    )
    pipeline.send_until_taken(noise("behind", "policies", 1))
