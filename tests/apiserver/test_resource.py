"""The resource as a real API server keeps it: defaults, spec and status apart, edits done."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

from anomaly_operator import names
from kube import Kubectl, applied_at, says
from operator_process import OperatorProcess
from pipelines import RESOURCE, resource
from polling import eventually

KINDS = "serviceaccounts,configmaps,deployments,services,statefulsets,ingresses,hpa,secrets"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
THEIRS = {"endpoint": "http://from.the/status"}
AUTOSCALING: dict[str, Any] = {
    "minReplicas": 2,
    "maxReplicas": 7,
    "targetCPUUtilizationPercentage": 70,
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
    "metrics": [
        {
            "type": "Resource",
            "resource": {
                "name": "memory",
                "target": {"type": "Utilization", "averageUtilization": 80},
            },
        }
    ],
}


def test_a_spec_of_nothing_shows_all_of_its_defaults(kubectl: Kubectl) -> None:
    """`kubectl get -o yaml` is where people learn what there is to set."""
    kubectl.apply(resource("boiler"))
    spec = kubectl.need(RESOURCE, "boiler")["spec"]

    assert spec["detection"]["threshold"] == "2"
    assert (spec["autoscaling"]["minReplicas"], spec["autoscaling"]["maxReplicas"]) == (1, 5)
    assert {"ingest", "buffer", "redis", "expose", "monitoring", "deletionPolicy"} <= set(spec)


def test_spec_and_status_are_written_apart(kubectl: Kubectl) -> None:
    """Whoever edits the one cannot change the other; only the spec counts as a new generation."""
    kubectl.apply(resource("boiler"))
    write_status(kubectl, {**THEIRS, "replicas": 3}, spec={"replicas": 9})
    after_status = kubectl.need(RESOURCE, "boiler")
    kubectl.patch(RESOURCE, "boiler", {"spec": {"replicas": 2}, "status": {"endpoint": "mine"}})
    after_spec = kubectl.need(RESOURCE, "boiler")

    assert after_status["metadata"]["generation"] == 1
    assert after_status["spec"]["replicas"] == 1
    assert after_status["status"]["endpoint"] == THEIRS["endpoint"]
    assert after_spec["metadata"]["generation"] == 2
    assert after_spec["spec"]["replicas"] == 2
    assert after_spec["status"]["endpoint"] == THEIRS["endpoint"]


def write_status(kubectl: Kubectl, status: dict[str, Any], **more: Any) -> None:
    change = json.dumps({"status": status, **more})
    kubectl.run("patch", RESOURCE, "boiler", "--subresource=status", "--type=merge", "-p", change)


def test_the_operator_writes_the_status_and_edits_reach_the_autoscaler_at_once(
    kubectl: Kubectl, served: OperatorProcess
) -> None:
    """Within ten seconds; what the operator writes never counts as an edit."""
    kubectl.apply(resource("boiler"))
    eventually("it is applied", partial(is_applied, kubectl))
    assert kubectl.need(RESOURCE, "boiler")["metadata"]["generation"] == 1
    kubectl.patch(RESOURCE, "boiler", {"spec": {"autoscaling": AUTOSCALING}})
    edited = time.time()

    eventually("the autoscaler has it all", partial(is_scaled_so, kubectl))
    assert applied_at(kubectl, "hpa", "boiler") - edited < 10
    eventually("it is applied", partial(is_applied, kubectl))
    assert kubectl.need(RESOURCE, "boiler")["metadata"]["generation"] == 2

    kubectl.patch(RESOURCE, "boiler", {"spec": {"autoscaling": {"maxReplicas": 8}}})
    edited = time.time()
    eventually("the autoscaler follows", lambda: scaling(kubectl)["maxReplicas"] == 8)
    assert applied_at(kubectl, "hpa", "boiler") - edited < 10


def test_nothing_is_written_on_the_resource_nor_copied_from_it(
    kubectl: Kubectl, served: OperatorProcess
) -> None:
    """No finalizer, annotation or field of ours there; those of tools are not for the objects."""
    tools = {"argocd.argoproj.io/tracking-id": "a-tracking-id", "example.com/note": "a-note"}
    wanted = resource("boiler")
    wanted["metadata"] |= {"annotations": tools, "labels": {"example.com/label": "a-label"}}
    kubectl.apply(wanted)
    eventually("it is applied", partial(is_applied, kubectl))
    text = kubectl.run("get", RESOURCE, "boiler", "-o", "json", "--show-managed-fields")
    meta = json.loads(text)["metadata"]
    made = json.dumps(kubectl.list(KINDS, "app.kubernetes.io/instance=boiler"))

    assert "finalizers" not in meta
    assert meta["annotations"].keys() - tools.keys() == {LAST_APPLIED}
    ours = [each for each in meta["managedFields"] if each["manager"] == names.FIELD_MANAGER]
    assert ours
    assert all(each.get("subresource") == "status" for each in ours)
    assert made.count('"kind": "Deployment"') >= 1
    for word in ("a-tracking-id", "a-note", "a-label", "last-applied"):
        assert word not in made


def is_applied(kubectl: Kubectl) -> bool:
    return says(kubectl.need(RESOURCE, "boiler"), "Applied", "True")


def scaling(kubectl: Kubectl) -> dict[str, Any]:
    spec: dict[str, Any] = kubectl.need("hpa", "boiler")["spec"]
    return spec


def is_scaled_so(kubectl: Kubectl) -> bool:
    found = scaling(kubectl)
    targets = {
        each["resource"]["name"]: each["resource"]["target"]["averageUtilization"]
        for each in found["metrics"]
    }
    assert (found["minReplicas"], found["maxReplicas"]) == (2, 7)
    assert targets == {"cpu": 70, "memory": 80}
    assert found["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 60
    return True
