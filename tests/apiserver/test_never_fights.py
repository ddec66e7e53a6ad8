"""The operator leaves alone what is not its own, and what it is told to."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator import names
from kube import Kubectl, Refused, says
from operator_process import OperatorProcess
from pipelines import API_VERSION, resource
from polling import eventually, never

QUIET = 6.0
"""Seconds in which an operator that wanted to interfere would have done so."""


@pytest.fixture
def pipeline(kubectl: Kubectl, served: OperatorProcess) -> Kubectl:
    """A pipeline that exists as far as it can without nodes."""
    kubectl.apply(resource("boiler"))
    eventually("the budgetless children", lambda: kubectl.get("hpa", "boiler"))
    eventually("a status", lambda: kubectl.need("ap", "boiler").get("status"))
    return kubectl


def annotate(kubectl: Kubectl, name: str, value: str | None) -> None:
    kubectl.patch("ap", "boiler", {"metadata": {"annotations": {name: value}}})


def replicas(kubectl: Kubectl) -> Any:
    return kubectl.need("deployment", "boiler")["spec"]["replicas"]


def test_the_autoscalers_number_of_pods_stays(pipeline: Kubectl) -> None:
    """Through edits of the resource and of the Deployment, which reconcile it anew."""
    pipeline.run("scale", "deployment/boiler", "--replicas=4")
    for threshold in ("3", "4"):
        pipeline.patch("ap", "boiler", {"spec": {"detection": {"threshold": threshold}}})
    pipeline.patch("deployment", "boiler", {"spec": {"revisionHistoryLimit": 9}})

    eventually(
        "the edit is undone",
        lambda: pipeline.need("deployment", "boiler")["spec"]["revisionHistoryLimit"] == 3,
    )
    never("another number of pods", lambda: replicas(pipeline) != 4, during=QUIET)


def test_labels_and_annotations_of_users_stay(pipeline: Kubectl) -> None:
    """On every kind of object that we make."""
    marked = ("deployment", "service", "ingress", "hpa", "serviceaccount")
    for kind in marked:
        pipeline.run("label", kind, "boiler", "team=heat")
        pipeline.run("annotate", kind, "boiler", "note=mine")
    pipeline.patch("ap", "boiler", {"spec": {"podTemplate": {"metadata": {"labels": {"a": "b"}}}}})
    eventually(
        "the new template",
        lambda: pipeline.need("deployment", "boiler")["spec"]["template"]["metadata"]["labels"].get(
            "a"
        ),
    )

    for kind in marked:
        meta = pipeline.need(kind, "boiler")["metadata"]
        assert meta["labels"]["team"] == "heat"
        assert meta["annotations"]["note"] == "mine"


def test_kubectl_scale_counts_while_nothing_autoscales(pipeline: Kubectl) -> None:
    """By the scale subresource of the resource itself."""
    pipeline.patch("ap", "boiler", {"spec": {"autoscaling": {"enabled": False}}})
    pipeline.run("scale", "ap/boiler", "--replicas=3")

    eventually("three pods are asked for", lambda: replicas(pipeline) == 3)


def test_paused_nothing_is_touched_and_resumed_edits_are_reverted(pipeline: Kubectl) -> None:
    """Condition Paused says so."""
    annotate(pipeline, names.ANNOTATION_PAUSED, "true")
    eventually("Paused", lambda: says(pipeline.need("ap", "boiler"), "Paused", "True"))
    pipeline.patch("deployment", "boiler", {"spec": {"revisionHistoryLimit": 9}})
    pipeline.delete("ingress", "boiler")
    pipeline.patch("ap", "boiler", {"spec": {"autoscaling": {"maxReplicas": 9}}})

    def touched() -> bool:
        limit = pipeline.need("deployment", "boiler")["spec"]["revisionHistoryLimit"]
        largest = pipeline.need("hpa", "boiler")["spec"]["maxReplicas"]
        return limit != 9 or largest != 5 or pipeline.get("ingress", "boiler") is not None

    never("something is touched", touched, during=QUIET)
    assert says(pipeline.need("ap", "boiler"), "Applied", "Unknown", "Paused")

    annotate(pipeline, names.ANNOTATION_PAUSED, None)

    eventually("the Ingress is back", lambda: pipeline.get("ingress", "boiler"))
    eventually(
        "the edit is undone, the change of the spec is done",
        lambda: (
            pipeline.need("deployment", "boiler")["spec"]["revisionHistoryLimit"] == 3
            and pipeline.need("hpa", "boiler")["spec"]["maxReplicas"] == 9
        ),
    )
    assert says(pipeline.need("ap", "boiler"), "Paused", "False")


def test_suspended_no_pods_run_and_resumed_they_do(pipeline: Kubectl) -> None:
    """With an autoscaler too, which leaves a Deployment of no pods alone."""
    pipeline.run("scale", "deployment/boiler", "--replicas=4")
    pipeline.patch("ap", "boiler", {"spec": {"suspend": True}})

    eventually("no pods are asked for", lambda: replicas(pipeline) == 0)
    eventually("no autoscaler", lambda: pipeline.get("hpa", "boiler") is None)
    eventually(
        "the status says so",
        lambda: says(pipeline.need("ap", "boiler"), "Ready", "False", "Suspended"),
    )
    for kind, name in (("ingress", "boiler"), ("statefulset", "boiler-redis")):
        assert pipeline.get(kind, name) is not None

    pipeline.patch("ap", "boiler", {"spec": {"suspend": False}})

    eventually("the autoscaler", lambda: pipeline.get("hpa", "boiler"))
    eventually("a pod is asked for", lambda: replicas(pipeline) == 1)


def test_restarted_at_rolls_the_pods(pipeline: Kubectl) -> None:
    """As `kubectl rollout restart` does, but in a way that stays."""
    annotate(pipeline, names.ANNOTATION_RESTARTED_AT, "2026-01-01T00:00:00Z")

    def rolled() -> bool:
        meta = pipeline.need("deployment", "boiler")["spec"]["template"]["metadata"]
        return names.ANNOTATION_RESTARTED_AT in meta["annotations"]

    eventually("the pods roll", rolled)


def test_an_object_of_somebody_else_is_left_alone(
    kubectl: Kubectl, served: OperatorProcess
) -> None:
    """The condition names it; when it goes, the pipeline is completed."""
    theirs = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "boiler-config"},
        "data": {"mine": "1"},
    }
    kubectl.apply(theirs)
    kubectl.apply(resource("boiler"))

    eventually(
        "the conflict is told",
        lambda: says(kubectl.need("ap", "boiler"), "Applied", "False", "OwnershipConflict"),
    )
    assert kubectl.need("configmap", "boiler-config")["data"] == {"mine": "1"}
    assert kubectl.get("deployment", "boiler") is not None, "the others are made all the same"

    kubectl.delete("configmap", "boiler-config")

    eventually(
        "it is completed",
        lambda: says(kubectl.need("ap", "boiler"), "Applied", "True"),
    )


def test_what_can_only_be_made_anew_is_told_and_never_deleted(
    pipeline: Kubectl, served: OperatorProcess
) -> None:
    """A Deployment with another selector, as an older version might have left: its pods run on."""
    served.kill()
    owner = {
        "apiVersion": API_VERSION,
        "kind": "AnomalyPipeline",
        "name": "boiler",
        "uid": pipeline.need("ap", "boiler")["metadata"]["uid"],
        "controller": True,
    }
    pipeline.delete("deployment", "boiler")
    labels = {"app": "of-an-older-version"}
    container = {"name": "dataplane", "image": "old:1"}
    pipeline.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "boiler", "ownerReferences": [owner]},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        }
    )
    uid = pipeline.need("deployment", "boiler")["metadata"]["uid"]
    served.start()

    eventually(
        "it is told",
        lambda: says(pipeline.need("ap", "boiler"), "Applied", "False", "ImmutableField"),
    )
    never(
        "it is taken away",
        lambda: pipeline.need("deployment", "boiler")["metadata"]["uid"] != uid,
        during=QUIET,
    )
    pipeline.delete("deployment", "boiler")
    eventually("it is made anew", lambda: says(pipeline.need("ap", "boiler"), "Applied", "True"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"redis": {"mode": "Standalone", "urls": ["r:6379"]}}, "To migrate: create a second"),
        ({"redis": {"partitions": 8}}, "To migrate: create a second"),
        ({"redis": {"managed": {"storage": {"size": "1Gi"}}}}, "To migrate: create a second"),
        ({"autoscaling": {"minReplicas": 9}}, "must be at most maxReplicas"),
        ({"podTemplate": {"metadata": {"lables": {"a": "b"}}}}, "lables"),
    ],
)
def test_what_cannot_change_is_refused_with_the_way_out(
    kubectl: Kubectl, change: dict[str, Any], words: str
) -> None:
    """By the API server itself; no webhook, no operator."""
    kubectl.apply(resource("boiler"))

    with pytest.raises(Refused, match=words):
        kubectl.apply(resource("boiler", change))
