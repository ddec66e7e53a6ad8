"""An engineer's first five minutes: five lines, a device, an anomaly, a look, and goodbye."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator

import pytest

from anomaly_dataplane.contract.runtime import PATH_INGEST
from device import call
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
    boiler.send_until_taken(noise("temperature", "boiler-1", 1))

    assert time.monotonic() - started < READY_WITHIN
    status = boiler.read()["status"]
    assert status["observedGeneration"] == boiler.read()["metadata"]["generation"]
    assert status["endpoint"].endswith(f"/{boiler.kubectl.namespace}/{boiler.name}")


def test_a_spike_is_an_outlier_and_an_anomaly(boiler: Pipeline) -> None:
    """After a warm window a jump of 30 sigma is named in the answer and found by the query API."""
    warm = boiler.send(noise("temperature", "boiler-1", 130, first=1), verdicts=True).ok()
    spike = noise("temperature", "boiler-1", 1, first=131, level=SPIKE)
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
    again = boiler.send(noise("temperature", "boiler-1", 10, first=121), verdicts=True).ok()

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


def test_the_pods_know_where_people_reach_them(boiler: Pipeline) -> None:
    """So that alerts can link to the page that is there."""
    endpoint = boiler.read()["status"]["endpoint"]

    def told() -> bool:
        config_map = boiler.kubectl.need("configmap", f"{boiler.name}-config")
        return bool(json.loads(config_map["data"]["pipeline.json"]).get("publicUrl") == endpoint)

    eventually("the address is in their config", told)
    page = call("GET", f"{boiler.base}/")
    assert page.status == 200
    assert "<title>Anomalies</title>" in str(page.body)


def test_kubectl_explains_each_field(boiler: Pipeline) -> None:
    """What it does, its default and its bounds, and every field by --recursive."""
    threshold = boiler.kubectl.run("explain", "ap.spec.detection.threshold")
    everything = boiler.kubectl.run("explain", "ap.spec", "--recursive")

    words = " ".join(threshold.split())
    assert "Standard deviations from the mean" in words
    assert 'Default: "2". Allowed: 0.1 to 1000.' in words
    assert {"tokenSecretRef", "maxInFlight", "staleAfter"} <= set(everything.split())


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


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "empty"),
        (b'[{"metric": "temperature"', 400, "JSON"),
        (b'{"metric": "temperature", "value": "hot"}', 400, "value"),
        (b'{"metric": "temperature", "value": NaN}', 400, "value"),
        (b'{"value": 1}', 400, "metric"),
        (b" " * 50_000_000, 413, "8388608"),
    ],
    ids=["empty", "cut short", "a word for a number", "NaN", "no metric", "50 MB"],
)
def test_a_bad_body_is_refused_and_changes_nothing(
    boiler: Pipeline, body: bytes, status: int, words: str
) -> None:
    """A clear 4xx that names the place, through the ingress; the pod goes on as before."""
    before = boiler.stats()["samples"]
    answer = call("POST", boiler.base + PATH_INGEST, body=body)

    assert answer.status == status, answer
    assert words in str(answer.body)
    assert boiler.stats()["samples"] == before
    assert restarts(boiler) == [0]


def test_a_new_threshold_needs_no_new_pod(boiler: Pipeline) -> None:
    """`kubectl apply` with another threshold: running pods score by it."""
    pods = {pod["metadata"]["name"] for pod in boiler.pods()}
    boiler.apply({"detection": {"threshold": "900"}})
    tries = itertools.count()

    def tolerant() -> bool:
        for name in pods:  # the kubelet refreshes the config of a changed pod at once, not in 90 s
            boiler.kubectl.run("annotate", "pod", name, f"poke={time.monotonic()}", "--overwrite")
        number = next(tries)  # farther and farther, because the window takes them in
        far_off = noise("temperature", "boiler-1", 1, first=200 + number, level=1000 * 3**number)
        verdict = boiler.send(far_off, verdicts=True).ok().body["verdicts"][0]
        assert verdict["status"] == "ok", verdict
        return bool(abs(verdict["z"]) > 2)

    eventually("beyond 2 sigma is fine now", tolerant, pause=1)
    assert {pod["metadata"]["name"] for pod in boiler.pods()} == pods
    assert restarts(boiler) == [0]


def restarts(pipeline: Pipeline) -> list[int]:
    statuses = [status for pod in pipeline.pods() for status in pod["status"]["containerStatuses"]]
    return [status["restartCount"] for status in statuses]


def test_a_deleted_pipeline_leaves_nothing_behind(boiler: Pipeline) -> None:
    """`kubectl delete ap` takes every child along."""
    kinds = boiler.kubectl.run("api-resources", "--namespaced", "--verbs=list,delete", "-o", "name")
    owned = [kind for kind in kinds.split() if not kind.startswith("events")]
    owned = [kind for kind in owned if not kind.endswith("metrics.k8s.io")]
    assert len(boiler.children(owned)) >= 8
    boiler.kubectl.delete(RESOURCE, boiler.name)

    eventually("nothing is left", lambda: not boiler.children(owned))
