"""Prometheus comes later than the pipeline, or leaves: nothing but monitoring minds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kube import Kubectl
from pipelines import RESOURCE, Pipeline
from polling import eventually
from tools import environment

pytestmark = pytest.mark.e2e

CRD = "servicemonitors.monitoring.coreos.com"


@pytest.fixture(scope="module")
def pipeline(kubectl: Kubectl, ingress: str) -> Iterator[Pipeline]:
    """A pipeline in a cluster without the Prometheus operator's CRDs."""
    pipeline = Pipeline(kubectl, "watched", ingress)
    pipeline.apply({"monitoring": {"labels": {"release": "kube-prometheus-stack"}}})
    pipeline.await_ready()
    yield pipeline
    kubectl.delete(RESOURCE, pipeline.name, wait=False)


@pytest.fixture(scope="module")
def prometheus_crd(kubectl: Kubectl) -> Iterator[str]:
    """The file of the CRD; the CRD itself is not there before and after."""
    if kubectl.get("crd", CRD) is not None:
        pytest.fail(f"{CRD} is installed already: this story needs a cluster without it")
    yield f"{environment()['prometheus_crds']}/servicemonitors.yaml"
    kubectl.delete("crd", CRD)


def test_a_service_monitor_appears_when_its_crd_does(
    prometheus_crd: str, pipeline: Pipeline
) -> None:
    """CRDNotInstalled until then, with Ready untouched; afterwards by itself, without a restart."""
    pipeline.await_condition("MonitoringConfigured", "False", "CRDNotInstalled", within=15)
    assert pipeline.ready()
    pipeline.kubectl.run("apply", "--server-side", "-f", prometheus_crd)

    monitor = eventually(
        "a ServiceMonitor", lambda: pipeline.kubectl.get("servicemonitor", pipeline.name), within=60
    )
    assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    pipeline.await_condition("MonitoringConfigured", "True", within=30)


def test_a_deleted_service_monitor_comes_back(prometheus_crd: str, pipeline: Pipeline) -> None:
    """A kind that was unknown when the operator started is healed too, if only by the next look."""
    before = pipeline.kubectl.need("servicemonitor", pipeline.name)["metadata"]["uid"]
    pipeline.kubectl.delete("servicemonitor", pipeline.name, wait=False)

    def replaced() -> bool:
        after = pipeline.kubectl.get("servicemonitor", pipeline.name)
        return after is not None and after["metadata"]["uid"] != before

    eventually("it is back", replaced, within=45)
