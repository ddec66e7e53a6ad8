"""`helm upgrade` from the chart of before: the CRD grows, pipelines go on, no sample is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anomaly_dataplane.contract.runtime import PATH_INGEST
from device import Fleet
from installation import Helm
from kube import Kubectl
from pipelines import RESOURCE, Pipeline, noise
from polling import eventually
from tools import environment

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

BEFORE = Path(__file__).parent / "data" / "anomaly-operator-69cf4f6.tgz"
"""The chart as of commit 69cf4f6, packed by helm: fewer rights, and a CRD with fewer fields."""

CHILDREN = ("deployments", "statefulsets", "services", "configmaps", "ingresses", "secrets")


@pytest.fixture(scope="module")
def pipeline(
    kubectl: Kubectl, helm: Helm, values: dict[str, Any], ingress: str
) -> Iterator[Pipeline]:
    """A pipeline that was made while the chart of before was installed."""
    if environment()["provider"] == "current":
        pytest.fail("this story brings an old CRD, which it does to no cluster but its own")
    known = ("image", "dataplane", "redis", "podAnnotations")
    helm.install({key: values[key] for key in known}, chart=BEFORE)
    pipeline = Pipeline(kubectl, "veteran", ingress)
    pipeline.apply({"detection": {"threshold": "3"}, "autoscaling": {"enabled": False}})
    pipeline.await_condition("WorkloadAvailable", "True")
    pipeline.send_until_taken(noise("before", "pump-1", 40))
    yield pipeline
    kubectl.delete(RESOURCE, pipeline.name, wait=False)


def has_rule_field(kubectl: Kubectl) -> bool:
    version = kubectl.need("crd", RESOURCE)["spec"]["versions"][0]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return "prometheusRule" in spec["properties"]["monitoring"]["properties"]


def uids(pipeline: Pipeline) -> dict[str, str]:
    children = pipeline.children(CHILDREN)
    return {name: child["metadata"]["uid"] for name, child in children.items()}


def test_an_upgrade_under_load_keeps_everything(
    pipeline: Pipeline, helm: Helm, values: dict[str, Any]
) -> None:
    """New fields and rights arrive; children stay the same objects; senders see nothing but 2xx."""
    kubectl = pipeline.kubectl
    assert not has_rule_field(kubectl)
    before, samples = uids(pipeline), pipeline.stats()["samples"]
    with Fleet(pipeline.base + PATH_INGEST, metric="during", rate=50) as fleet:
        eventually("samples flow", lambda: fleet.report.acknowledged > 50)
        helm.install(values)
        pipeline.await_ready()
        seen = fleet.report.acknowledged
        eventually("samples flow", lambda: fleet.report.acknowledged > seen + 50)

    assert has_rule_field(kubectl)
    assert before.items() <= uids(pipeline).items()
    assert fleet.report.surprises == []
    assert fleet.report.acknowledged == fleet.report.sent
    assert pipeline.stats()["samples"] - samples == fleet.report.sent


def test_what_was_wanted_before_is_still_wanted(pipeline: Pipeline) -> None:
    """The resource keeps its values, gets the new defaults, and its windows are still warm."""
    spec = pipeline.read()["spec"]
    verdict = pipeline.send(noise("before", "pump-1", 1, first=40), verdicts=True).ok()

    assert spec["detection"]["threshold"] == "3"
    assert verdict.body["verdicts"][0]["n"] == 40
    pipeline.await_condition("Applied", "True")
