"""An API that comes and goes, here ServiceMonitor: the operator notices, and needs no restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kube import Kubectl, Manifest
from pipelines import LIGHT, RESOURCE, Pipeline
from polling import eventually
from tools import environment

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

CRD = "servicemonitors.monitoring.coreos.com"
SPEC: dict[str, Any] = {
    **LIGHT,
    "autoscaling": {"enabled": False},
    "monitoring": {"labels": {"release": "kube-prometheus-stack"}},
}


@pytest.fixture(scope="module")
def pipeline(kubectl: Kubectl, ingress: str) -> Iterator[Pipeline]:
    """A pipeline with all that monitoring makes."""
    if environment()["provider"] == "current":
        pytest.fail("these stories take a CRD away, which they do to no cluster but their own")
    pipeline = Pipeline(kubectl, "watched", ingress)
    pipeline.apply(SPEC)
    pipeline.await_ready()
    pipeline.await_condition("MonitoringConfigured", "True", "MonitoringApplied")
    yield pipeline
    kubectl.delete(RESOURCE, pipeline.name, wait=False)


def test_monitoring_heals_when_its_api_comes_back(pipeline: Pipeline) -> None:
    """Without the CRD: CRDNotInstalled, with Ready untouched; with it again, no restart needed."""
    kubectl = pipeline.kubectl
    crd = bare(kubectl.need("crd", CRD))
    others = [
        bare(monitor)
        for monitor in json.loads(kubectl.run("get", CRD, "-A", "-o", "json"))["items"]
        if not monitor["metadata"].get("ownerReferences")
    ]
    kubectl.delete("crd", CRD)
    try:
        pipeline.await_condition("MonitoringConfigured", "False", "CRDNotInstalled")
        assert pipeline.ready()
    finally:
        kubectl.run("create", "-f", "-", stdin=json.dumps(crd))
        kubectl.run("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=120s")
        for monitor in others:
            kubectl.within(monitor["metadata"]["namespace"]).apply(monitor)

    monitor = eventually("a ServiceMonitor", lambda: kubectl.get("servicemonitor", pipeline.name))
    assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    pipeline.await_condition("MonitoringConfigured", "True")


def test_a_deleted_service_monitor_comes_back(pipeline: Pipeline) -> None:
    """Also when its kind was away for a while, if only by the next look."""
    before = pipeline.kubectl.need("servicemonitor", pipeline.name)["metadata"]["uid"]
    pipeline.kubectl.delete("servicemonitor", pipeline.name, wait=False)

    def replaced() -> bool:
        after = pipeline.kubectl.get("servicemonitor", pipeline.name)
        return after is not None and after["metadata"]["uid"] != before

    eventually("it is back", replaced)


def bare(live: Manifest) -> Manifest:
    """An object as its author wrote it, so that it can be made anew."""
    meta = {key: live["metadata"][key] for key in ("name", "namespace") if key in live["metadata"]}
    for key in ("labels", "annotations"):
        meta[key] = live["metadata"].get(key, {})
    return {**{k: v for k, v in live.items() if k != "status"}, "metadata": meta}
