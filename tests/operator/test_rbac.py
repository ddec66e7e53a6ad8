"""operator/RBAC.md lists exactly what the code asks of the API server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from anomaly_operator import kinds
from anomaly_operator.errors import ApiError
from operators import Stage

ROOT = Path(__file__).resolve().parents[2]
Right = tuple[str, str, str]

GROUPS = {
    kind.plural: kind.group
    for kind in (
        *kinds.CHILDREN,
        kinds.SECRET,
        kinds.PIPELINE,
        kinds.GATEWAY,
        kinds.INGRESS_CLASS,
        kinds.JOB,
    )
}


def granted() -> set[Right]:
    text = (ROOT / "operator" / "RBAC.md").read_text()
    rules: list[dict[str, Any]] = []
    for block in re.findall(r"```yaml\n(.*?)```", text, re.S):
        found = yaml.safe_load(block)
        rules += found.get("rules", [])
        rules += [rule for rule in found.get("clusterRules", []) if rule["verbs"] == ["get"]]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


async def purged() -> Stage:
    """The life of one whose state is removed in the end."""
    external = {"mode": "Standalone", "urls": ["r:6379"]}
    stage = Stage({"redis": external, "deletionPolicy": "Delete"})
    await stage.settle()
    stage.delete()
    for _ in range(3):
        await stage.reconcile()
    stage.end_job("Complete")
    await stage.reconcile()
    return stage


async def used() -> set[Right]:
    """What a pipeline's whole life asks for, and what the watches and lists do."""
    stage = Stage({"autoscaling": {"minReplicas": 2}, "networkPolicy": {"enabled": True}})
    await stage.settle()
    stage.edit({"image": "x:1", "expose": {"ingressClassName": "public"}})
    await stage.reconcile()
    stage.edit({"expose": {"type": "HTTPRoute", "parentRefs": [{"name": "public"}]}})
    await stage.reconcile()
    for kind, name in [(kinds.DEPLOYMENT, "boiler"), (kinds.STATEFUL_SET, "boiler-redis")]:
        stage.cluster.failing["patch", kind.plural] = ApiError(422, "no")
        stage.cluster.remove(kind, name)
    await stage.reconcile()
    stage.restart_operator()  # to whom the Secret is not new
    await stage.reconcile()
    parting = await purged()
    rights = {
        (GROUPS.get(resource.partition("/")[0], ""), resource, verb)
        for verb, resource, _ in (*stage.cluster.requests, *parting.cluster.requests)
    }
    for kind in (*kinds.CHILDREN, kinds.PIPELINE):
        rights |= {(kind.group, kind.plural, verb) for verb in ("list", "watch")}
    for kind in kinds.CHILDREN:
        # An object that another seems to own is looked at before that is said.
        rights.add((kind.group, kind.plural, "get"))
        # An apply creates what is not there; prune may meet any kind (a name may change).
        rights |= {(kind.group, kind.plural, verb) for verb in ("create", "delete")}
    rights.add(("anomalypipeline.io", "anomalypipelines/finalizers", "update"))
    return rights


async def test_the_documented_rights_are_those_that_are_used() -> None:
    """Neither more, for safety, nor less, for work."""
    assert granted() == await used()


def test_no_right_is_a_wildcard_and_no_secret_can_be_listed() -> None:
    """Least privilege, whatever else changes."""
    for group, resource, verb in granted():
        assert "*" not in (group, resource, verb)
        if resource == "secrets":
            assert verb in ("get", "create")
