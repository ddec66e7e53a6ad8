"""What a spec names is looked for, by name, seldom, and without looking into it."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator import kinds, spec
from anomaly_operator.errors import ApiError
from anomaly_operator.kinds import Kind
from anomaly_operator.lookup import FOUND_SECONDS, MISSING_SECONDS, Lookup
from anomaly_operator.settings import Settings
from anomaly_operator.status.conditions import Type
from fake_cluster import FakeCluster
from operators import Stage, a_resource

TOKENS: dict[str, Any] = {"ingest": {"auth": {"tokenSecretRef": {"name": "tokens"}}}}
EVERYTHING: dict[str, Any] = {
    "ingest": {
        "auth": {"tokenSecretRef": {"name": "tokens"}},
        "mqtt": {
            "broker": "mqtt.example:1883",
            "topics": ["plant/{site}/{metric}"],
            "secretRef": {"name": "mqtt-login"},
        },
    },
    "alerting": {
        "webhooks": [
            {"name": "pager", "url": "https://pager.example", "secretRef": {"name": "hmac"}}
        ]
    },
    "redis": {
        "mode": "Standalone",
        "urls": ["redis.example:6379"],
        "secretRef": {"name": "redis-login"},
    },
    "expose": {"ingressClassName": "public", "host": "x.example", "tls": {"secretName": "tls"}},
}


def a_pipeline(wanted: dict[str, Any]) -> spec.Pipeline:
    return spec.parse(a_resource(wanted), Settings())


def put(cluster: FakeCluster, kind: Kind, name: str, namespace: str = "team") -> None:
    cluster.put(
        {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": name, "namespace": namespace},
        }
    )


async def test_everything_that_is_named_is_missed() -> None:
    """Each with its field; what nobody names is not asked for."""
    lookup = Lookup(FakeCluster(), lambda: 0.0)

    found = await lookup.missing(a_pipeline(EVERYTHING), kinds.OPTIONAL)
    nothing = await lookup.missing(a_pipeline({}), kinds.OPTIONAL)

    assert [(each.field.partition("[")[0], each.name) for each in found] == [
        ("spec.ingest.auth.tokenSecretRef", "tokens"),
        ("spec.ingest.mqtt.secretRef", "mqtt-login"),
        ("spec.redis.secretRef", "redis-login"),
        ("spec.alerting.webhooks", "hmac"),
        ("spec.expose.tls.secretName", "tls"),
        ("spec.expose.ingressClassName", "public"),
    ]
    assert nothing == ()


async def test_a_gateway_is_missed_only_where_there_can_be_one() -> None:
    """Without its API the route says that, which is the cause."""
    parents = [{"name": "public", "namespace": "gateways"}, {"name": "own"}]
    pipeline = a_pipeline({"expose": {"type": "HTTPRoute", "parentRefs": parents}})
    cluster = FakeCluster()
    put(cluster, kinds.GATEWAY, "public", "gateways")
    lookup = Lookup(cluster, lambda: 0.0)

    found = await lookup.missing(pipeline, kinds.OPTIONAL)

    assert [(each.kind, each.namespace, each.name) for each in found] == [
        (kinds.GATEWAY, "team", "own")
    ]
    assert await lookup.missing(pipeline, frozenset()) == ()


async def test_what_is_there_is_asked_for_seldom_and_what_is_missing_often() -> None:
    """A steady state costs one request a minute, for all the pipelines that name the same."""
    now = 0.0
    cluster = FakeCluster()
    lookup = Lookup(cluster, lambda: now)
    pipeline = a_pipeline(TOKENS)

    assert await lookup.missing(pipeline, kinds.OPTIONAL)
    put(cluster, kinds.SECRET, "tokens")
    assert await lookup.missing(pipeline, kinds.OPTIONAL)  # asked just now
    now += MISSING_SECONDS
    assert not await lookup.missing(pipeline, kinds.OPTIONAL)
    cluster.remove(kinds.SECRET, "tokens")
    now += FOUND_SECONDS / 2
    assert not await lookup.missing(pipeline, kinds.OPTIONAL)
    now += FOUND_SECONDS / 2
    assert await lookup.missing(pipeline, kinds.OPTIONAL)
    assert cluster.requests == [("get", "secrets", "tokens")] * 3


async def test_nothing_is_claimed_where_the_operator_may_not_look() -> None:
    """A namespaced install has no right to see classes; a busy API server is asked again."""
    cluster = FakeCluster()
    pipeline = a_pipeline({"expose": {"ingressClassName": "public"}})
    cluster.failing["get", "ingressclasses"] = ApiError(403, "forbidden")

    assert await Lookup(cluster, lambda: 0.0).missing(pipeline, kinds.OPTIONAL) == ()

    cluster.failing["get", "ingressclasses"] = ApiError(503, "busy")
    with pytest.raises(ApiError):
        await Lookup(cluster, lambda: 0.0).missing(pipeline, kinds.OPTIONAL)


async def test_a_missing_secret_is_told_and_heals() -> None:
    """Ready says which field names it; once it is there, nobody lends a hand."""
    stage = Stage(TOKENS)
    await stage.settle()

    assert stage.says(Type.READY) == ("False", "SecretNotFound")
    message = stage.condition(Type.REFERENCES_RESOLVED)["message"]
    assert message == (
        "spec.ingest.auth.tokenSecretRef names Secret tokens, which does not exist in namespace"
        " team."
    )

    put(stage.cluster, kinds.SECRET, "tokens")
    stage.seconds += 5
    await stage.reconcile()
    assert stage.says(Type.REFERENCES_RESOLVED) == ("True", "Resolved")
    assert stage.says(Type.READY)[0] == "True"
