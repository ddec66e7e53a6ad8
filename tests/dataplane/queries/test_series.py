"""`GET /api/v1/series`, one of them, what scoring thinks of it, what people say of anomalies."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.queries import feedback
from anomaly_dataplane.series import Series
from anomaly_dataplane.store.connect import connect
from redis_server import RedisServer
from redis_stores import config_for
from running_pod import RunningPod, running_pod
from samples import ZSCORE, a_config

SERIES = "/api/v1/series"


@pytest.fixture(params=["memory", "redis"])
async def pod(request: pytest.FixtureRequest, standalone: RedisServer) -> AsyncIterator[RunningPod]:
    if request.param == "memory":
        async with running_pod(a_config(detection=ZSCORE)) as running:
            yield running
        return
    redis = {"urls": [standalone.url], "partitions": 4}
    uid = config_for(standalone).pipeline.uid
    config = a_config(detection=ZSCORE, redis=redis, pipeline={"uid": uid})
    store = connect(config, Unobserved(), username=None, password=None)
    async with running_pod(config, store) as running:
        yield running


async def send(pod: RunningPod, metric: str, values: list[float], **labels: str) -> None:
    start = time.time() - 500
    samples = [
        {"metric": metric, "labels": labels, "timestamp": start + i, "value": value}
        for i, value in enumerate(values)
    ]
    assert (await pod.ingest(samples)).json["accepted"] == len(values)


def calm(count: int) -> list[float]:
    return [10 + 0.1 * (i % 3) for i in range(count)]


async def explain(pod: RunningPod, identity: str) -> dict[str, Any]:
    answer = await pod.ask(f"{SERIES}/{identity}/explain")
    assert answer.status == 200, answer.text
    return dict(answer.json)


async def test_series_are_listed_by_page_and_pattern(pod: RunningPod) -> None:
    """Each once; `next` leads through all of them."""
    for i in range(250):
        await send(pod, f"m{i}", [1.0], device=f"boiler-{i % 2}")
    seen: list[str] = []
    query = "?limit=40"
    while True:
        page = (await pod.ask(SERIES + query)).json
        seen += (series["metric"] for series in page["series"])  # type: ignore[attr-defined]
        if page["next"] is None:
            break
        query = f"?limit=40&cursor={page['next']}"
    assert sorted(seen) == sorted(f"m{i}" for i in range(250))

    chosen = (await pod.ask(f"{SERIES}?metric=m1?&label=device:*-1&limit=1000")).json["series"]
    assert {one["metric"] for one in chosen} == {f"m1{i}" for i in (1, 3, 5, 7, 9)}  # type: ignore[attr-defined]


async def test_one_series_shows_its_samples(pod: RunningPod) -> None:
    """The newest ones, oldest first."""
    await send(pod, "m", [1.0, 2.0, 3.0], device="d")
    identity = Series("m", {"device": "d"}, 4).id
    one = (await pod.ask(f"{SERIES}/{identity}")).json
    assert (one["metric"], one["labels"]) == ("m", {"device": "d"})
    assert [sample["value"] for sample in one["samples"]] == [1.0, 2.0, 3.0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("identity", ["nothing", "0" * 24, "Z" * 24])
async def test_a_series_that_is_not_there_is_404(pod: RunningPod, identity: str) -> None:
    """Whatever is asked of it."""
    for path in (f"{SERIES}/{identity}", f"{SERIES}/{identity}/explain"):
        assert (await pod.ask(path)).status == 404


async def test_a_cold_series_says_how_many_samples_it_needs(pod: RunningPod) -> None:
    """Down to none, when its baseline is there."""
    await send(pod, "m", calm(20))
    identity = Series("m", {}, 4).id
    cold = await explain(pod, identity)
    assert (cold["state"], cold["samples_missing"], cold["baseline"]) == ("warming", 10, None)

    await send(pod, "warm", calm(60))
    warm = await explain(pod, Series("warm", {}, 4).id)
    assert (warm["state"], warm["samples_missing"]) == ("warm", 0)
    assert warm["baseline"]["n"] == 60
    assert warm["baseline"]["mean"] == pytest.approx(10.1)
    low, high = warm["expected"]
    assert low < 10 < high
    assert warm["episode"] == {"open": False, "began": None, "samples_since_last_anomaly": None}
    assert warm["anomaly_threshold"] == pytest.approx(2.0)
    assert warm["events"] == []


async def an_anomaly(pod: RunningPod) -> str:
    await send(pod, "m", [*calm(60), 99.0])
    found: Any = (await pod.ask("/api/v1/anomalies")).json["anomalies"]
    assert len(found) == 1
    return str(found[0]["id"])


async def say(pod: RunningPod, anomaly: str, method: str, label: str = "") -> tuple[int, Any]:
    body = json.dumps({"label": label, "note": "a test"}).encode() if label else None
    answer = await pod.ask(f"/api/v1/anomalies/{anomaly}/feedback", method, body)
    return answer.status, answer.json


async def test_a_false_anomaly_raises_the_threshold_of_its_series(pod: RunningPod) -> None:
    """Once, however often it is said; scoring honours it, explain shows it, DELETE undoes it."""
    anomaly = await an_anomaly(pod)
    identity = anomaly.partition("-")[0]
    assert await say(pod, anomaly, "POST", "false") == (
        200,
        {
            "anomaly": anomaly,
            "series": identity,
            "changed": True,
            "complaints": 1,
            "factor": pytest.approx(1.15),
        },
    )
    status, again = await say(pod, anomaly, "POST", "false")
    assert (status, again["changed"], again["complaints"]) == (200, False, 1)
    assert (await say(pod, anomaly, "POST", "true"))[0] == 409

    told = await explain(pod, identity)
    assert [(event["id"], event["kind"]) for event in told["events"]] == [(anomaly, "Raised")]
    assert told["anomaly_threshold"] == pytest.approx(2.3)
    assert told["feedback"]["complaints"] == 1
    assert told["labels_of"][anomaly]["label"] == "false"
    listed: Any = (await pod.ask("/api/v1/anomalies")).json["anomalies"]
    for event in (*listed, *told["events"]):
        assert (event["feedback"]["label"], event["feedback"]["note"]) == ("false", "a test")

    start = time.time() - 100
    samples = [
        {"metric": "m", "timestamp": start + i, "value": value}
        for i, value in enumerate([*calm(30), 500.0])
    ]
    await pod.ingest(samples)
    newest = (await pod.ask("/api/v1/anomalies?limit=1")).json["anomalies"][0]  # type: ignore[index]
    assert newest["value"] == 500
    assert newest["threshold"] == pytest.approx(2.3)

    status, undone = await say(pod, anomaly, "DELETE")
    assert (status, undone["complaints"], undone["factor"]) == (200, 0, 1.0)
    assert (await explain(pod, identity))["anomaly_threshold"] == pytest.approx(2.0)
    assert (await say(pod, anomaly, "DELETE"))[0] == 404


async def test_the_threshold_is_raised_within_bounds(pod: RunningPod) -> None:
    """However many anomalies are said to be none."""
    anomaly = await an_anomaly(pod)
    identity = anomaly.partition("-")[0]
    for i in range(12):
        status, told = await say(pod, f"{identity}-{i + 1}", "POST", "false")
        assert status == 200
    assert told["complaints"] == 8
    assert told["factor"] == pytest.approx(1.15**8)
    for i, left in ((0, 8), (1, 8), (2, 8), (3, 8), (4, 7)):
        assert (await say(pod, f"{identity}-{i + 1}", "DELETE"))[1]["complaints"] == left


async def test_what_is_said_of_a_silence_is_noted_and_raises_no_threshold(pod: RunningPod) -> None:
    """It would hide anomalies, and the next silence would be told all the same."""
    identity = (await an_anomaly(pod)).partition("-")[0]
    for method, label in (("POST", "false"), ("DELETE", "")):
        status, told = await say(pod, f"{identity}-1767225600000000-stale", method, label)
        assert (status, told["changed"], told["complaints"]) == (200, True, 0)


async def test_a_true_anomaly_is_noted_and_changes_nothing(pod: RunningPod) -> None:
    """It is kept for who reads the audit."""
    anomaly = await an_anomaly(pod)
    status, told = await say(pod, anomaly, "POST", "true")
    assert (status, told["changed"], told["complaints"]) == (200, True, 0)


async def test_feedback_that_comes_in_pieces_is_read_to_its_end(pod: RunningPod) -> None:
    """As slow clients and proxies send it; what is too long is refused by name."""
    anomaly = await an_anomaly(pod)

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"label": ', b'"false", "note": "', b"x" * 1000, b'"}'):
            yield piece
            await asyncio.sleep(0.05)

    path = f"/api/v1/anomalies/{anomaly}/feedback"
    answer = await pod.ask(path, "POST", pieces())
    assert answer.status == 200, answer.text
    too_long = json.dumps({"label": "false", "note": "x" * 1001}).encode()
    answer = await pod.ask(path, "POST", too_long)
    assert (answer.status, "note must have at most 1000" in answer.error) == (400, True)


async def test_labels_are_bounded(pod: RunningPod, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries read all of them; what is labelled may be labelled again, and taken back."""
    anomaly = await an_anomaly(pod)
    identity = anomaly.partition("-")[0]
    monkeypatch.setattr(feedback, "MOST_LABELS", 2)
    for i in (1, 2, 2):
        assert (await say(pod, f"{identity}-{i}", "POST", "false"))[0] == 200
    status, told = await say(pod, anomaly, "POST", "false")
    assert (status, "DELETE some first" in told["error"]) == (409, True)
    assert (await say(pod, f"{identity}-1", "DELETE"))[0] == 200
    assert (await say(pod, anomaly, "POST", "false"))[0] == 200


@pytest.mark.parametrize("body", [b"", b"{}", b'{"label": "no"}', b'{"label": "false", "x": 1}'])
async def test_feedback_that_cannot_be_read_is_400(pod: RunningPod, body: bytes) -> None:
    """And says what would be right."""
    anomaly = await an_anomaly(pod)
    answer = await pod.ask(f"/api/v1/anomalies/{anomaly}/feedback", "POST", body)
    assert answer.status == 400
    assert "label" in answer.error
