"""The status tells the truth: right after an edit, during an outage, and in what kubectl prints."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from anomaly_dataplane.contract.runtime import PATH_INGEST
from device import Fleet, call
from kube import Kubectl
from pipelines import LIGHT, RESOURCE, Pipeline, noise
from polling import eventually

pytestmark = pytest.mark.e2e

SPEC: dict[str, Any] = {**LIGHT, "autoscaling": {"enabled": False}}
RATE = 20.0


@pytest.fixture(scope="module")
def pipeline(kubectl: Kubectl, ingress: str) -> Iterator[Pipeline]:
    """One pod and a Redis of its own."""
    pipeline = Pipeline(kubectl, "honest", ingress)
    pipeline.apply(SPEC)
    pipeline.await_ready()
    pipeline.send_until_taken(noise("pressure", "pump-1", 130))
    pipeline.send(noise("pressure", "pump-1", 1, first=130, level=90)).ok()
    yield pipeline
    kubectl.delete(RESOURCE, pipeline.name, wait=False)


@pytest.fixture(scope="module")
def fleet(pipeline: Pipeline) -> Iterator[Fleet]:
    """Senders that go on, whatever is done to the spec."""
    with Fleet(pipeline.base + PATH_INGEST, metric="steady", devices=5, rate=RATE) as fleet:
        yield fleet


def misspelt(number: int) -> str:
    return f"registry.invalid/anomaly-pipeline:typo-{number}"


def templates(pipeline: Pipeline) -> set[str]:
    """The edits of which there are ready pods."""
    return {
        pod["metadata"]["annotations"].get("edit", "")
        for pod in pipeline.pods()
        for each in pod["status"].get("conditions", ())
        if (each["type"], each["status"]) == ("Ready", "True")
    }


def test_waiting_right_after_an_edit_is_waiting_for_that_edit(
    pipeline: Pipeline, fleet: Fleet
) -> None:
    """`kubectl wait` never returns on what was true before; a bad tag is called by its name."""
    for number in range(3):
        pipeline.apply({**SPEC, "image": misspelt(number)})
        assert not pipeline.kubectl_wait("Ready", 3), f"it returned at once, edit {number}"
    started = time.monotonic()
    pipeline.apply({**SPEC, "image": misspelt(3)})
    assert pipeline.kubectl_wait("Ready=False", 60)
    seen = pipeline.await_condition("Ready", "False", "ImagePullBackOff", within=60)
    assert time.monotonic() - started < 60
    assert misspelt(3) in seen["message"]
    assert "still serve" in seen["message"]

    for edit in ("one", "two"):  # an edit that works: when the wait is over, its pods are there
        marked = {"metadata": {"annotations": {"edit": edit}}}
        pipeline.apply({**SPEC, "podTemplate": marked})
        assert pipeline.kubectl_wait("Ready", 150)
        assert templates(pipeline) == {edit}
    assert fleet.report.surprises == []


def test_kubectl_prints_live_figures(pipeline: Pipeline, fleet: Fleet) -> None:
    """Rate, anomalies and endpoint in `kubectl get ap`; DataFlowing says when and how often."""

    def shown() -> bool:
        header, row = (
            line.split() for line in pipeline.kubectl.run("get", "ap", pipeline.name).splitlines()
        )
        assert len(header) == len(row), row  # a figure that is not known yet is an empty column
        column = dict(zip(header, row, strict=True))
        assert RATE * 0.7 < float(column["RATE"]) < RATE * 1.3, column
        assert int(column["ANOMALIES"]) == len(pipeline.anomalies()) > 0, column
        assert (column["READY"], column["REPLICAS"]) == ("True", "1"), column
        assert column["ENDPOINT"] == pipeline.base, column
        return True

    eventually("live figures are shown", shown, within=200, pause=2)
    flowing = pipeline.await_condition("DataFlowing", "True", "SamplesArriving")
    assert "a second; the last came at 20" in flowing["message"]
    status = pipeline.read()["status"]
    assert status["series"] == 6
    assert status["lastSampleTime"][:10] in flowing["message"]


def test_a_redis_that_is_gone_is_told_and_its_return_needs_no_hand(
    pipeline: Pipeline, fleet: Fleet
) -> None:
    """RedisReachable=False with the pod's reason, and 503; a corrected image is all it takes."""
    fleet.stop()
    assert fleet.report.acknowledged == fleet.report.sent
    figures = pipeline.read()["status"]
    bad = {"redis": {"managed": {"image": misspelt(4)}}}

    pipeline.apply({**SPEC, **bad})
    assert pipeline.kubectl_wait("RedisReachable=False", 60)
    pipeline.await_condition("RedisReachable", "False", "ImagePullBackOff", within=60)
    pipeline.await_condition("Ready", "False", "ImagePullBackOff", within=60)
    refused = pipeline.send(noise("pressure", "pump-2", 1))
    assert (refused.status, refused.headers.get("retry-after", "").isdigit()) == (503, True)
    outage = pipeline.read()["status"]
    assert outage["series"] == figures["series"]

    pipeline.apply(SPEC)
    assert pipeline.kubectl_wait("Ready", 150)
    pipeline.send_until_taken(noise("pressure", "pump-2", 1))
    pipeline.await_condition("DataFlowing", "True")
    assert call("GET", pipeline.base + "/api/v1/stats").ok().body["redis"]["up"]
