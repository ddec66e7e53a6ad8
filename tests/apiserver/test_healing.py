"""Drift of every child is healed, and what is no longer wanted goes."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from kube import Kubectl
from operator_process import OperatorProcess
from pipelines import resource
from polling import eventually

CHILDREN = (
    ("serviceaccount", "boiler"),
    ("configmap", "boiler-config"),
    ("deployment", "boiler"),
    ("service", "boiler"),
    ("service", "boiler-metrics"),
    ("service", "boiler-redis"),
    ("statefulset", "boiler-redis"),
    ("ingress", "boiler"),
    ("hpa", "boiler"),
    ("pdb", "boiler"),
)
"""Every child of a pipeline with two pods, on a cluster without the Prometheus operator."""


@pytest.fixture
def children(kubectl: Kubectl, served: OperatorProcess) -> Kubectl:
    kubectl.apply(resource("boiler", {"autoscaling": {"minReplicas": 2}}))
    for kind, name in CHILDREN:
        eventually(f"{kind} {name}", partial(kubectl.get, kind, name))
    return kubectl


def test_every_deleted_child_is_back(children: Kubectl) -> None:
    """Within ten seconds, whatever its kind."""
    before = {each: children.need(*each)["metadata"]["uid"] for each in CHILDREN}
    for kind, name in CHILDREN:
        children.delete(kind, name, wait=False)

    for kind, name in CHILDREN:
        eventually(
            f"{kind} {name} is back",
            partial(_is_another, children, kind, name, before[kind, name]),
            within=10,
        )


@pytest.mark.parametrize(
    ("kind", "name", "change", "path", "wanted"),
    [
        ("deployment", "boiler", {"spec": {"revisionHistoryLimit": 7}}, "revisionHistoryLimit", 3),
        ("hpa", "boiler", {"spec": {"maxReplicas": 50}}, "maxReplicas", 5),
        ("pdb", "boiler", {"spec": {"maxUnavailable": 2}}, "maxUnavailable", 1),
        ("service", "boiler", {"spec": {"type": "NodePort"}}, "type", "ClusterIP"),
        ("statefulset", "boiler-redis", {"spec": {"replicas": 0}}, "replicas", 1),
    ],
    ids=["deployment", "hpa", "pdb", "service", "statefulset"],
)
def test_an_edited_child_is_as_before(
    children: Kubectl, kind: str, name: str, change: dict[str, Any], path: str, wanted: object
) -> None:
    """Within ten seconds."""
    children.patch(kind, name, change)

    eventually(
        "the edit is undone",
        lambda: children.need(kind, name)["spec"][path] == wanted,
        within=10,
    )


def test_what_is_switched_off_goes(children: Kubectl) -> None:
    """Ingress, autoscaler and budget are pruned; the rest stays."""
    children.patch(
        "ap",
        "boiler",
        {"spec": {"expose": {"type": "None"}, "autoscaling": {"enabled": False}}},
    )

    for kind in ("ingress", "hpa", "pdb"):
        eventually(f"no {kind}", partial(_is_gone, children, kind, "boiler"), within=10)
    assert children.get("deployment", "boiler") is not None


def test_children_go_with_their_pipeline_though_the_operator_is_down(
    children: Kubectl, served: OperatorProcess
) -> None:
    """The garbage collector does it; there is no finalizer to wait for."""
    served.kill()
    children.delete("ap", "boiler")

    for kind, name in CHILDREN:
        eventually(f"no {kind} {name}", partial(_is_gone, children, kind, name), within=60)


def _is_gone(kubectl: Kubectl, kind: str, name: str) -> bool:
    return kubectl.get(kind, name) is None


def _is_another(kubectl: Kubectl, kind: str, name: str, uid: str) -> bool:
    found = kubectl.get(kind, name)
    return found is not None and found["metadata"]["uid"] != uid
