"""Pipelines that cannot work beside one that can; what the operator tells of itself meanwhile."""

from __future__ import annotations

import json
import time
from typing import Any

from kube import Kubectl, applied_at, condition, says
from operator_process import OperatorProcess
from pipelines import resource
from polling import eventually

BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "unreadable": (
        {"detection": {"overrides": [{"match": {"metric": "("}, "threshold": "3"}]}},
        "SpecValid",
        "InvalidSpec",
    ),
    "refused": (
        {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}},
        "Applied",
        "Rejected",
    ),
    "taken": ({}, "Applied", "OwnershipConflict"),
}
"""By name: a spec that the schema lets through, and the condition that says what is wrong."""
EACH = 8
METRICS = (
    "api_requests_total",
    "last_success_timestamp_seconds",
    "leader",
    "pipeline_condition",
    "pipeline_info",
    "pipelines",
    "queue_age_seconds",
    "queue_depth",
    "reconcile_duration_seconds",
    "reconcile_errors_total",
    "reconciles_total",
    "watch_age_seconds",
)


def bad_ones() -> list[dict[str, Any]]:
    return [
        resource(f"{what}-{number}", spec)
        for what, (spec, _, _) in BAD.items()
        for number in range(EACH)
    ]


def taken(number: int) -> dict[str, Any]:
    """Somebody else's ConfigMap of the name that a pipeline needs."""
    meta = {"name": f"taken-{number}-config"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"mine": "1"}}


def test_bad_pipelines_say_why_and_never_delay_a_good_one(
    kubectl: Kubectl, served: OperatorProcess
) -> None:
    """Two dozen of them, of three sorts; each heals when its cause is gone."""
    kubectl.apply(*map(taken, range(EACH)), *bad_ones())
    kubectl.apply(resource("good"))
    eventually(
        "the good one is applied", lambda: says(kubectl.need("ap", "good"), "Applied", "True")
    )
    for what, (_, kind, reason) in BAD.items():
        for number in range(EACH):
            name = f"{what}-{number}"
            eventually(name, lambda: says(kubectl.need("ap", name), kind, "False", reason))  # noqa: B023

    for threshold in ("3", "4", "5"):
        kubectl.patch("ap", "good", {"spec": {"detection": {"threshold": threshold}}})
        edited = time.time()
        eventually("the edit is done", lambda: threshold_of(kubectl, "good") == threshold)  # noqa: B023
        assert applied_at(kubectl, "configmap", "good-config") - edited < 10

    assert kubectl.need("configmap", "taken-0-config")["data"] == {"mine": "1"}
    tells_of_itself(served, kubectl.namespace)

    served.stop()  # the next one finds them all when it starts
    served.start()
    kubectl.patch("ap", "good", {"spec": {"detection": {"threshold": "6"}}})
    eventually("the edit is done", lambda: threshold_of(kubectl, "good") == "6")
    assert served.resident_mib() < 120

    kubectl.delete("configmap", "taken-0-config")
    healed: dict[str, dict[str, Any]] = {
        "unreadable-0": {"detection": {"overrides": []}},
        "refused-0": {"resources": {"limits": {"cpu": "3"}}},
        "taken-0": {},
    }
    for name, change in healed.items():
        kubectl.patch("ap", name, {"spec": change})
    for name in healed:
        eventually(f"{name} is healed", lambda: says(kubectl.need("ap", name), "Applied", "True"))  # noqa: B023
    assert condition(kubectl.need("ap", "refused-1"), "Ready")["reason"] == "Rejected"


def threshold_of(kubectl: Kubectl, name: str) -> str:
    data = kubectl.need("configmap", f"{name}-config")["data"]
    return str(json.loads(data["pipeline.json"])["detection"]["threshold"])


def tells_of_itself(served: OperatorProcess, namespace: str) -> None:
    """Every metric is there, and every line of the log says which pipeline it is about."""
    lines = served.get("/metrics")[1].splitlines()
    shown = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert shown >= {f"anomaly_operator_{name}" for name in METRICS}
    assert served.metric("anomaly_operator_pipelines") == len(BAD) * EACH + 1
    about = {"namespace": namespace, "name": "good", "type": "Applied"}
    assert served.metric("anomaly_operator_pipeline_condition", **about, status="True") == 1
    assert served.metric("anomaly_operator_pipeline_condition", **about, status="False") == 0
    pipeline = {"namespace": namespace, "name": "good", "method": "Fused", "redis_mode": "Managed"}
    assert served.metric("anomaly_operator_pipeline_info", **pipeline) == 1
    assert served.metric("anomaly_operator_watch_age_seconds") < 90
    assert served.metric("anomaly_operator_api_requests_total", verb="patch", code="422") > 0
    told = [json.loads(line) for line in served.log.read_text().splitlines()]
    applying = [line for line in told if line["message"].startswith("applying ")]
    assert {"good", "refused-0"} <= {line["name"] for line in applying}
    assert {line["namespace"] for line in applying} == {namespace}
