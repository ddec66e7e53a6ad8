"""Resources that pass the schema and cannot work: each says why, harms nobody, and heals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from certificates import authority, tls_secret
from kube import Kubectl
from pipelines import RESOURCE, Pipeline, noise, resource
from redis_pods import run_server, secret
from tools import environment

pytestmark = pytest.mark.e2e

GATEWAY = {"name": "anomaly", "namespace": "projectcontour"}
LONG = "a.name-as-long-as-the-api-server-lets-a-resource-have-one-" * 4 + "and-no-longer-one"
PASSWORD = "correct-horse"


def on(redis: str, login: str = "login") -> dict[str, Any]:
    """One pod on a Redis that this file runs; lighter than one Redis for each pipeline."""
    return {
        "autoscaling": {"enabled": False},
        "resources": {"requests": {"cpu": "20m"}},
        "redis": {"mode": "Standalone", "urls": [f"{redis}:6379"], "secretRef": {"name": login}},
    }


FINE = on("shared")
BROKEN: dict[str, tuple[dict[str, Any], tuple[str, str, str]]] = {
    "no-tokens": (
        {**FINE, "ingest": {"auth": {"tokenSecretRef": {"name": "late-tokens"}}}},
        ("ReferencesResolved", "False", "SecretNotFound"),
    ),
    "no-certificate": (
        {**FINE, "expose": {"host": "late.test", "tls": {"secretName": "late-tls"}}},
        ("ReferencesResolved", "False", "SecretNotFound"),
    ),
    "no-password": (
        on("shared", "late-login"),
        ("ReferencesResolved", "False", "SecretNotFound"),
    ),
    "no-class": (
        {**FINE, "expose": {"ingressClassName": "nowhere"}},
        ("ReferencesResolved", "False", "IngressClassNotFound"),
    ),
    "no-gateway": (
        {**FINE, "expose": {"type": "HTTPRoute", "parentRefs": [{"name": "nowhere"}]}},
        ("ReferencesResolved", "False", "GatewayNotFound"),
    ),
    "no-redis": (on("late-redis"), ("RedisReachable", "False", "Unreachable")),
    "no-memory": (
        {**FINE, "resources": {"requests": {"memory": "9000Gi"}, "limits": {"memory": "9000Gi"}}},
        ("WorkloadAvailable", "False", "Unschedulable"),
    ),
}
"""By name: the spec, and the condition, status and reason that it leads to."""

GOOD = {"first-good": FINE, "last-good": FINE, LONG: FINE}


@pytest.fixture(scope="module")
def pipelines(
    kubectl: Kubectl, ingress: str, values: dict[str, Any]
) -> Iterator[dict[str, Pipeline]]:
    """All of them, in one `kubectl apply`: the broken ones between the good ones."""
    if environment()["provider"] == "current":
        pytest.fail("these stories know Gateway and IngressClass of `make cluster` only")
    run_server(kubectl, "shared", values["redis"]["image"], PASSWORD)
    kubectl.apply(secret("login", PASSWORD))
    kubectl.run("rollout", "status", "statefulset/shared", "--timeout=180s", timeout=200)
    specs = {name: spec for name, (spec, _) in BROKEN.items()}
    ordered = {"first-good": FINE, **specs, "last-good": FINE, LONG: FINE}
    kubectl.apply(*(resource(name, spec) for name, spec in ordered.items()))
    yield {name: Pipeline(kubectl, name, ingress) for name in ordered}
    kubectl.run("delete", RESOURCE, "--all", "--wait=false")


def test_good_ones_are_not_delayed(pipelines: dict[str, Pipeline]) -> None:
    """Those among broken ones become Ready all the same, a name of any length included."""
    assert len(LONG) == 249
    for name in GOOD:
        pipelines[name].await_ready()
        pipelines[name].send_until_taken(noise("steady", "door-1", 1))
    columns = pipelines[LONG].kubectl.run("get", "ap", LONG)
    assert f"/{LONG} " in columns


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_one_says_why(pipelines: dict[str, Pipeline], name: str) -> None:
    """One condition has the reason, and Ready repeats it, within a minute."""
    kind, status, reason = BROKEN[name][1]

    seen = pipelines[name].await_condition(kind, status, reason, within=60)
    ready = pipelines[name].await_condition("Ready", status, reason, within=60)
    assert seen["message"] == ready["message"]
    if kind == "ReferencesResolved":
        assert " names " in seen["message"]


def test_each_heals_when_its_cause_is_gone(
    pipelines: dict[str, Pipeline],
    kubectl: Kubectl,
    values: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """By a Secret, a Redis, or a corrected name; nothing is deleted or restarted by hand."""
    folder = authority("late").secret(tmp_path_factory.mktemp("late"), host="late.test")
    kubectl.apply(
        secret("late-tokens", "a-token"),
        tls_secret("late-tls", folder),
        secret("late-login", PASSWORD),
    )
    run_server(kubectl, "late-redis", values["redis"]["image"], PASSWORD)
    pipelines["no-class"].apply({**FINE, "expose": {"ingressClassName": "contour"}})
    parents = [{**GATEWAY, "sectionName": "http"}]
    route = {"type": "HTTPRoute", "parentRefs": parents, "host": "bad-input.test"}
    pipelines["no-gateway"].apply({**FINE, "expose": route})
    pipelines["no-memory"].apply(FINE)

    for name in BROKEN:
        pipelines[name].await_ready()


def test_a_reference_that_breaks_later_is_told_too(pipelines: dict[str, Pipeline]) -> None:
    """Edited into one that does not exist: never ready on what was known of the one before."""
    pipeline = pipelines["first-good"]
    pipeline.apply({**FINE, "expose": {"ingressClassName": "nowhere"}})

    assert not pipeline.kubectl_wait("Ready", 3)
    pipeline.await_condition("Ready", "False", "IngressClassNotFound", within=60)
    pipeline.apply(FINE)
    assert pipeline.kubectl_wait("Ready", 150)
