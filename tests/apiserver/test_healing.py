"""Drift of every child is healed, and what is no longer wanted goes."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest

from kube import Kubectl, applied_at
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
    ("networkpolicy", "boiler"),
    ("networkpolicy", "boiler-redis"),
)
"""Every child of a pipeline with two pods, on a cluster without the Prometheus operator."""
EDITS: dict[tuple[str, str], dict[str, Any]] = {
    ("serviceaccount", "boiler"): {"automountServiceAccountToken": True},
    ("configmap", "boiler-config"): {"data": {"pipeline.json": "{}"}},
    ("deployment", "boiler"): {"spec": {"revisionHistoryLimit": 7}},
    ("service", "boiler"): {"spec": {"type": "NodePort"}},
    ("statefulset", "boiler-redis"): {"spec": {"replicas": 0}},
    ("ingress", "boiler"): {"spec": {"rules": [{"host": "elsewhere.example"}]}},
    ("hpa", "boiler"): {"spec": {"maxReplicas": 50}},
    ("pdb", "boiler"): {"spec": {"maxUnavailable": 2}},
    ("networkpolicy", "boiler"): {"spec": {"policyTypes": ["Egress"]}},
}


WHOLE = {"autoscaling": {"minReplicas": 2}, "networkPolicy": {"enabled": True}}


@pytest.fixture
def children(kubectl: Kubectl, served: OperatorProcess) -> Kubectl:
    kubectl.apply(resource("boiler", WHOLE))
    for kind, name in CHILDREN:
        eventually(f"{kind} {name}", partial(kubectl.get, kind, name))
    return kubectl


def test_every_deleted_child_is_back(children: Kubectl) -> None:
    """Within ten seconds, whatever its kind."""
    before = {each: children.need(*each)["metadata"]["uid"] for each in CHILDREN}
    deleted = {}
    for kind, name in CHILDREN:
        children.delete(kind, name, wait=False)
        deleted[kind, name] = time.time()

    for each, moment in deleted.items():
        eventually(f"{each} is back", partial(_is_another, children, *each, before[each]))
        assert applied_at(children, *each) - moment < 10


def test_every_edited_child_is_as_before(children: Kubectl) -> None:
    """Within ten seconds, whatever its kind."""
    before = {each: _wanted(children, *each) for each in EDITS}
    edited = {}
    for (kind, name), change in EDITS.items():
        children.patch(kind, name, change)
        edited[kind, name] = time.time()

    for each, moment in edited.items():
        eventually(f"the edit of {each} is undone", partial(_is_as, children, *each, before[each]))
        assert applied_at(children, *each) - moment < 10


def test_what_is_switched_off_goes(children: Kubectl) -> None:
    """Ingress, autoscaler and budget are pruned; the rest stays."""
    children.patch(
        "ap",
        "boiler",
        {"spec": {"expose": {"type": "None"}, "autoscaling": {"enabled": False}}},
    )

    for kind in ("ingress", "hpa", "pdb"):
        eventually(f"no {kind}", partial(_is_gone, children, kind, "boiler"))
    assert children.get("deployment", "boiler") is not None


def test_children_go_with_their_pipeline_though_the_operator_is_down(
    children: Kubectl, served: OperatorProcess
) -> None:
    """The garbage collector does it; there is no finalizer to wait for."""
    served.kill()
    children.delete("ap", "boiler")

    for kind, name in CHILDREN:
        eventually(f"no {kind} {name}", partial(_is_gone, children, kind, name), within=60)


def _wanted(kubectl: Kubectl, kind: str, name: str) -> dict[str, Any]:
    live = kubectl.need(kind, name)
    kept = {key: live.get(key) for key in ("spec", "data", "automountServiceAccountToken")}
    if kind == "service":
        for port in live["spec"]["ports"]:
            port.pop("nodePort", None)
    return kept


def _is_as(kubectl: Kubectl, kind: str, name: str, wanted: dict[str, Any]) -> bool:
    return _wanted(kubectl, kind, name) == wanted


def _is_gone(kubectl: Kubectl, kind: str, name: str) -> bool:
    return kubectl.get(kind, name) is None


def _is_another(kubectl: Kubectl, kind: str, name: str, uid: str) -> bool:
    found = kubectl.get(kind, name)
    return found is not None and found["metadata"]["uid"] != uid
