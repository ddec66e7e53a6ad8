"""`deletionPolicy: Delete` with a Redis of the user's: the state goes, a neighbour's stays."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from kube import Kubectl
from pipelines import RESOURCE, Pipeline, noise
from polling import eventually
from redis_pods import run_server, secret

pytestmark = pytest.mark.e2e

PASSWORD = "correct-horse"
ON_SHARED: dict[str, Any] = {
    "autoscaling": {"enabled": False},
    "resources": {"requests": {"cpu": "20m"}},
    "expose": {"ingressClassName": "contour"},
    "redis": {"mode": "Standalone", "urls": ["shared:6379"], "secretRef": {"name": "login"}},
}


def keys(kubectl: Kubectl, uid: str) -> int:
    """How many keys of a pipeline the Redis holds."""
    cli = ["exec", "shared-0", "--", "env", f"REDISCLI_AUTH={PASSWORD}", "redis-cli"]
    return len(kubectl.run(*cli, "--scan", "--pattern", f"{{{uid}*").split())


def test_the_keys_go_with_the_resource_and_those_of_a_neighbour_stay(
    kubectl: Kubectl, ingress: str, values: dict[str, Any]
) -> None:
    """By a Job of the pipeline's own image and Secret, under Pod Security `restricted`."""
    run_server(kubectl, "shared", values["redis"]["image"], PASSWORD)
    kubectl.apply(secret("login", PASSWORD))
    kubectl.run("rollout", "status", "statefulset/shared", "--timeout=180s", timeout=200)
    leaving, staying = (Pipeline(kubectl, name, ingress) for name in ("leaving", "staying"))
    leaving.apply({**ON_SHARED, "deletionPolicy": "Delete"})
    staying.apply(ON_SHARED)
    for pipeline in (leaving, staying):
        pipeline.await_ready()
        pipeline.send_until_taken(noise("steady", "door-1", 20))
    leaving_uid, staying_uid = (p.read()["metadata"]["uid"] for p in (leaving, staying))
    assert keys(kubectl, leaving_uid) > 0
    left = keys(kubectl, staying_uid)
    assert left > 0

    kubectl.delete(RESOURCE, "leaving", "--timeout=180s")

    assert keys(kubectl, leaving_uid) == 0
    assert not leaving.pods()
    told = [event["reason"] for event in kubectl.list("events")]
    assert "Purged" in told
    assert "PurgeFailed" not in told
    eventually("the Job is gone, too", partial(no_jobs, kubectl))
    assert keys(kubectl, staying_uid) == left
    assert staying.stats()["samples"] == 20


def no_jobs(kubectl: Kubectl) -> bool:
    found = kubectl.list("jobs")
    assert not found, [job["metadata"]["name"] for job in found]
    return True
