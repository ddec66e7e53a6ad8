"""An engineer's first five minutes: five lines, a device, an anomaly, a look, and goodbye."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from kube import Kubectl, Manifest
from pipelines import READY_WITHIN, RESOURCE, Pipeline, noise
from polling import eventually, never

pytestmark = pytest.mark.e2e

SPIKE = 35.0


@pytest.fixture(scope="module")
def boiler(kubectl: Kubectl, ingress: str) -> Iterator[Pipeline]:
    """The pipeline that this story is about; the last test deletes it."""
    pipeline = Pipeline(kubectl, "boiler-room", ingress)
    yield pipeline
    kubectl.delete(RESOURCE, pipeline.name, wait=False)


def test_five_lines_take_their_first_sample_within_a_minute(boiler: Pipeline) -> None:
    """From `kubectl apply` to Ready=True and a sample in Redis, through the ingress, in 60 s."""
    started = time.monotonic()
    boiler.apply()
    boiler.await_ready()
    boiler.send_until_taken(noise("temperature", "boiler-1", 1), within=10)

    assert time.monotonic() - started < READY_WITHIN
    status = boiler.read()["status"]
    assert status["observedGeneration"] == boiler.read()["metadata"]["generation"]
    assert status["endpoint"].endswith(f"/{boiler.kubectl.namespace}/{boiler.name}")


def test_a_spike_is_an_outlier_and_an_anomaly(boiler: Pipeline) -> None:
    """After a warm window a jump of 30 sigma is named in the answer and found by the query API."""
    warm = boiler.send(noise("temperature", "boiler-1", 60, first=1), verdicts=True).ok()
    spike = noise("temperature", "boiler-1", 1, first=61, level=SPIKE)
    verdict = boiler.send(spike, verdicts=True).ok().body["verdicts"][0]

    assert warm.body["verdicts"][0]["status"] == "warming"
    assert verdict["status"] == "outlier"
    assert verdict["z"] > 10
    assert verdict["mean"] == pytest.approx(20, abs=0.5)
    found = [a for a in boiler.anomalies() if a["value"] > 30]
    assert [a["labels"] for a in found] == [{"device": "boiler-1"}]


def test_a_repeated_sample_changes_nothing(boiler: Pipeline) -> None:
    """A device that never saw its answer sends again: counted as duplicate, scored once."""
    before = boiler.stats()["samples"]
    again = boiler.send(noise("temperature", "boiler-1", 10, first=51), verdicts=True).ok()

    assert {v["status"] for v in again.body["verdicts"]} == {"duplicate"}
    assert boiler.stats()["samples"] == before


def test_kubectl_get_tells_what_an_engineer_needs(boiler: Pipeline) -> None:
    """The columns show readiness, replicas and where to send; -o wide shows how it detects."""
    plain = boiler.kubectl.run("get", "ap", boiler.name)
    wide = boiler.kubectl.run("get", "ap", boiler.name, "-o", "wide")

    header, row = (line.split() for line in plain.splitlines())
    assert {"NAME", "READY", "REPLICAS", "ENDPOINT", "AGE"} <= set(header)
    assert "True" in row
    assert boiler.read()["status"]["endpoint"] in row
    assert {"METHOD", "WINDOW", "REDIS", "REASON"} <= set(wide.splitlines()[0].split())


def test_events_tell_the_story_and_then_fall_silent(boiler: Pipeline) -> None:
    """The way to Ready is told in a few events; a pipeline at rest posts no more."""
    told = events(boiler)

    assert "Ready" in {event["reason"] for event in told}
    assert 1 <= len(told) <= 8, [(event["reason"], event["message"]) for event in told]
    never("another event", lambda: len(events(boiler)) > len(told), during=5)


def events(pipeline: Pipeline) -> list[Manifest]:
    about = f"involvedObject.name={pipeline.name},involvedObject.kind=AnomalyPipeline"
    answer = pipeline.kubectl.run("get", "events", f"--field-selector={about}", "-o", "json")
    found = json.loads(answer)["items"]
    assert isinstance(found, list)
    return found


def test_a_deleted_pipeline_leaves_nothing_behind(boiler: Pipeline) -> None:
    """`kubectl delete ap` takes every child along, and the route answers 404."""
    kinds = boiler.kubectl.run("api-resources", "--namespaced", "--verbs=list,delete", "-o", "name")
    owned = [kind for kind in kinds.split() if not kind.startswith("events")]
    owned = [kind for kind in owned if not kind.endswith("metrics.k8s.io")]
    assert len(boiler.children(owned)) >= 8
    boiler.kubectl.delete(RESOURCE, boiler.name)

    eventually("nothing is left", lambda: not boiler.children(owned), within=60)
