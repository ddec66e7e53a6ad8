"""A Redis that the operator does not run: wrong passwords, outages, and their end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from kube import Kubectl
from pipelines import LIGHT, RESOURCE, Pipeline, noise
from polling import eventually
from redis_pods import run_server, secret

pytestmark = pytest.mark.e2e

PASSWORD = "correct-horse"
SPEC: dict[str, Any] = {
    **LIGHT,
    "autoscaling": {"enabled": False},
    "redis": {
        "mode": "Standalone",
        "urls": ["own-redis:6379"],
        "secretRef": {"name": "own-redis-login"},
    },
}


@pytest.fixture(scope="module")
def pipeline(kubectl: Kubectl, ingress: str, values: dict[str, Any]) -> Iterator[Pipeline]:
    """A pipeline on a Redis with a password, which its Secret knows."""
    run_server(kubectl, "own-redis", values["redis"]["image"], PASSWORD)
    kubectl.apply(secret("own-redis-login", PASSWORD))
    pipeline = Pipeline(kubectl, "guest", ingress)
    pipeline.apply(SPEC)
    pipeline.await_ready()
    pipeline.send_until_taken(noise("hello", "world", 1))
    yield pipeline
    kubectl.delete(RESOURCE, pipeline.name, wait=False)


SECONDS = itertools.count()


def told_to_wait(pipeline: Pipeline) -> bool:
    # A new sample every time: one that is known to be in Redis is answered without asking it.
    answer = pipeline.send(noise("outage", "pump-1", 1, first=next(SECONDS)))
    assert answer.status == 503, answer
    assert answer.headers.get("retry-after", "").isdigit(), answer
    return True


def test_without_redis_clients_are_told_to_come_again(pipeline: Pipeline) -> None:
    """503 with an integer Retry-After, from the first second of the outage to the last."""
    pipeline.kubectl.run("scale", "statefulset/own-redis", "--replicas=0")

    eventually("503 with Retry-After", lambda: told_to_wait(pipeline))
    seen = pipeline.await_condition("RedisReachable", "False")
    assert told_to_wait(pipeline)
    assert seen["reason"] == "Unreachable"
    pipeline.await_condition("Ready", "False")


def test_when_redis_is_back_so_is_the_pipeline(pipeline: Pipeline) -> None:
    """No pod is restarted and nobody lends a hand."""
    pipeline.kubectl.run("scale", "statefulset/own-redis", "--replicas=1")

    pipeline.send_until_taken(noise("outage", "pump-1", 1, first=next(SECONDS)))
    pipeline.await_ready()
    restarts = [
        status["restartCount"]
        for pod in pipeline.pods()
        for status in pod["status"]["containerStatuses"]
    ]
    assert restarts == [0]


def test_a_wrong_password_is_called_by_its_name(pipeline: Pipeline) -> None:
    """RedisReachable=False with the reason AuthenticationFailed, not just \\"unreachable\\"."""
    other = Pipeline(pipeline.kubectl, "stranger", pipeline.ingress)
    other.kubectl.apply(secret("wrong-login", "battery-staple"))
    other.apply({**SPEC, "redis": {**SPEC["redis"], "secretRef": {"name": "wrong-login"}}})

    other.await_condition("RedisReachable", "False", "AuthenticationFailed")
    other.kubectl.delete(RESOURCE, other.name, wait=False)
