"""Resource -> Pipeline, or a list of every field that cannot be used."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_dataplane.contract import config
from anomaly_operator import spec
from anomaly_operator.errors import InvalidSpec
from anomaly_operator.settings import Settings
from operators import a_resource


def parse(wanted: dict[str, Any]) -> spec.Pipeline:
    return spec.parse(a_resource(wanted), Settings())


def problems(wanted: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidSpec) as error:
        parse(wanted)
    return [str(problem) for problem in error.value.problems]


def test_an_empty_spec_is_a_complete_pipeline() -> None:
    """Every field has a default."""
    pipeline = parse({})

    assert pipeline.image == Settings().dataplane_image
    assert pipeline.autoscaling.enabled
    assert pipeline.expose.path == "/team/boiler"
    assert pipeline.redis.managed is not None
    assert pipeline.document["redis"] == {
        "mode": "Standalone",
        "urls": ["boiler-redis.team.svc:6379"],
        "partitions": 4,
    }


def test_no_spec_at_all_is_one_too() -> None:
    """As the API server fills it in."""
    body = a_resource()
    del body["spec"]

    assert spec.parse(body, Settings()) == parse({})


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"detection": {"treshold": "2"}}, "spec.detection.treshold: unknown field"),
        ({"detection": {"threshold": 2}}, "spec.detection.threshold: must be a string"),
        ({"detection": {"threshold": "two"}}, "spec.detection.threshold: must be a decimal"),
        ({"detection": {"threshold": "0"}}, "spec.detection.threshold: must be 0.1 to 1000"),
        ({"detection": {"window": 9}}, "spec.detection.window: must be 10 to 2880, not 9"),
        ({"detection": {"window": True}}, "spec.detection.window: must be a whole number"),
        ({"detection": {"direction": "Up"}}, "must be one of Both, Above, Below, not 'Up'"),
        ({"detection": {"window": 20}}, "spec.detection.minSamples: must be at most"),
        ({"autoscaling": {"minReplicas": 9}}, "minReplicas: (1 if not set) must be at most"),
        ({"ingest": {"maxFuture": "5 min"}}, "spec.ingest.maxFuture: must be a duration"),
        ({"resources": {"limits": {"memory": "lots"}}}, "limits.memory: must be a quantity"),
        ({"imagePullSecrets": [{}]}, "spec.imagePullSecrets[0].name: is required"),
        ({"imagePullSecrets": [{"name": "a"}, {"name": "a"}]}, "stands in the list twice"),
        ({"redis": {"urls": ["r:1"]}}, "spec.redis.urls: must be empty with mode Managed"),
        ({"redis": {"secretRef": {"name": "s"}}}, "must be empty with mode Managed"),
        ({"redis": {"mode": "Cluster"}}, "spec.redis.urls: is required with mode"),
        ({"redis": {"mode": "Standalone", "urls": ["a:1", "b:1"]}}, "exactly one host:port"),
        ({"redis": {"mode": "Cluster", "urls": ["redis://a"]}}, "spec.redis.urls[0]: must be"),
        ({"redis": {"minReplicasToWrite": 1}}, "minReplicasToWrite: must be 0 with mode Managed"),
        ({"redis": {"mode": "Sentinel"}}, "spec.redis.sentinelMaster: is required with mode"),
        ({"redis": {"sentinelMaster": "m"}}, "sentinelMaster: must be empty unless mode is"),
        ({"redis": {"sentinelMaster": "a b"}}, "sentinelMaster: must be a string like 'mymaster'"),
        ({"redis": {"tls": {"enabled": True}}}, "tls.enabled: must be false with mode Managed"),
        ({"redis": {"tls": {"enabled": "yes"}}}, "tls.enabled: must be true or false"),
        ({"redis": {"managed": {"maxMemory": "1g"}}}, "maxMemory: must be a whole number"),
        ({"redis": {"managed": {"storage": {"size": "big"}}}}, "storage.size: must be a size"),
        ({"expose": {"host": "Host"}}, "spec.expose.host: must be a DNS name"),
        ({"expose": {"path": "a/"}}, "spec.expose.path: must be empty, / or a path"),
        ({"expose": None}, "spec.expose: must be an object, not nothing (null)"),
        ({"monitoring": {"interval": "0s"}}, "spec.monitoring.interval: must be a duration"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(wanted: dict[str, Any], said: str) -> None:
    """With what would be right instead."""
    assert any(said in problem for problem in problems(wanted)), problems(wanted)


def test_every_problem_is_reported_at_once() -> None:
    """Nobody wants to fix a file one error at a time."""
    found = problems({"replicas": 0, "image": 1, "detection": {"window": "x"}})

    assert len(found) == 3


def test_a_redis_of_the_users_comes_with_its_secret() -> None:
    """The document names the servers, never the credentials."""
    redis = {"mode": "Cluster", "urls": ["a:1", "b:2"], "secretRef": {"name": "s"}}
    pipeline = parse({"redis": redis})

    assert pipeline.redis == spec.Redis("Cluster", "s", tls=False, managed=None)
    assert pipeline.document["redis"] == {
        "mode": "Cluster",
        "urls": ["a:1", "b:2"],
        "partitions": 4,
    }


def test_the_pods_learn_how_to_find_and_trust_a_primary() -> None:
    """By the name that Sentinels know it under, over TLS."""
    redis = {"mode": "Sentinel", "urls": ["s:26379"], "sentinelMaster": "main"}
    parsed = config.parse(parse({"redis": {**redis, "tls": {"enabled": True}}}).document).redis

    assert (parsed.mode, parsed.urls) == (config.RedisMode.SENTINEL, ("s:26379",))
    assert (parsed.sentinel_master, parsed.tls.enabled) == ("main", True)


@pytest.mark.parametrize(
    ("expose", "base_path"),
    [
        ({}, "/team/boiler"),
        ({"path": "/a/b"}, "/a/b"),
        ({"path": "/"}, ""),
        ({"type": "None"}, ""),
    ],
)
def test_the_pods_learn_the_prefix_of_their_route(expose: dict[str, Any], base_path: str) -> None:
    """They strip it themselves, so that no controller has to rewrite."""
    assert parse({"expose": expose}).document["basePath"] == base_path
