"""`GET /api/v1/anomalies`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import redis

from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.store.connect import connect
from anomaly_dataplane.store.keys import Keys
from redis_server import RedisServer, free_port
from redis_stores import config_for
from running_pod import RunningPod, running_pod
from samples import ZSCORE, a_config

ANOMALIES = "/api/v1/anomalies"


@pytest.fixture
async def pod() -> AsyncIterator[RunningPod]:
    """A pod that has found one anomaly in each of three series."""
    start = time.time() - 100
    async with running_pod(a_config(detection=ZSCORE)) as running:
        for name in "abc":
            await running.ingest(trouble(name, start))
        yield running


def trouble(metric: str, start: float) -> list[dict[str, object]]:
    """A minute of usual samples and one that is not."""
    values = [*(10 + (i % 3) * 0.1 for i in range(60)), 99]
    return [
        {"metric": metric, "timestamp": start + i, "value": value} for i, value in enumerate(values)
    ]


async def metrics(pod: RunningPod, query: str = "") -> list[str]:
    answer = await pod.ask(ANOMALIES + query)
    assert answer.status == 200
    found = answer.json["anomalies"]
    assert isinstance(found, list)
    return [event["metric"] for event in found]


async def test_the_newest_come_first(pod: RunningPod) -> None:
    """As many as asked for, since when asked for, in any form of a timestamp."""
    assert await metrics(pod) == ["c", "b", "a"]
    assert await metrics(pod, "?limit=2") == ["c", "b"]
    assert await metrics(pod, f"?since={time.time() - 60}") == ["c", "b", "a"]
    assert await metrics(pod, f"?since={time.time() + 60}") == []
    assert await metrics(pod, f"?since={rfc3339((time.time() + 60) * 1000)}") == []
    assert await metrics(pod, "?since=2026-01-01T00:00:00+01:00") == ["c", "b", "a"]


async def test_an_anomaly_explains_itself(pod: RunningPod) -> None:
    """When, what, against what."""
    answer = await pod.ask(ANOMALIES + "?limit=1")
    event = answer.json["anomalies"][0]  # type: ignore[index]
    assert set(event) == {
        *("id", "metric", "labels", "time", "value", "score", "threshold"),
        *("family", "z", "mean", "std", "n", "expected", "series", "kind", "direction", "method"),
        *("trigger", "weight", "transform", "scored_value", "span_seconds", "rule", "episode"),
        "ending",
        "feedback",
    }
    assert event["series"] == event["id"].partition("-")[0]
    assert event["value"] == 99
    assert event["time"].endswith("Z")
    assert event["expected"][0] < event["mean"] < event["expected"][1] < 99


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("?limit=0", "limit must be a whole number from 1 to 1000, not '0'"),
        ("?limit=1001", "limit must be"),
        ("?limit=ten", "limit must be"),
        ("?limit=%D9%A3", "limit must be"),
        ("?since=noon", "since: timestamp 'noon' cannot be read"),
        ("?since=nan", "since: "),
        ("?kind=raised", "kind must be one of Raised, Recovered, Any"),
        ("?label=device", "label must be NAME:PATTERN, like device:boiler-*, not 'device'"),
        ("?before=7", "before must be the `next` of the page before"),
        ("?metric=" + "*" * 20, "metric: the pattern is too long"),
        (
            "?until=5&limit=0",
            "unknown query parameter 'until'; known: since, limit, kind, metric, label, before; ",
        ),
    ],
)
async def test_parameters_that_cannot_be_read_are_all_named(
    pod: RunningPod, query: str, reason: str
) -> None:
    """With what would be right."""
    answer = await pod.ask(ANOMALIES + query)
    assert answer.status == 400
    assert reason in answer.error


async def test_pages_follow_each_other(pod: RunningPod) -> None:
    """By what each one says is next, without a gap and without a repeat."""
    seen: list[str] = []
    query = "?limit=1"
    for _ in range(4):
        page = (await pod.ask(ANOMALIES + query)).json
        seen += (event["metric"] for event in page["anomalies"])  # type: ignore[attr-defined]
        if page["next"] is None:
            break
        query = f"?limit=1&before={page['next']}"
    assert seen == ["c", "b", "a"]


async def test_ends_of_episodes_are_there_for_who_asks(pod: RunningPod) -> None:
    """Else there are only their beginnings."""
    calm = [{"metric": "a", "timestamp": time.time() - 30 + i, "value": 10.1} for i in range(10)]
    await pod.ingest(calm)
    assert await metrics(pod) == ["c", "b", "a"]
    assert await metrics(pod, "?kind=Recovered") == ["a"]
    assert await metrics(pod, "?kind=Any") == ["a", "c", "b", "a"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?metric=b", ["b"]),
        ("?metric=[ab]", []),
        ("?metric=*", ["c", "b", "a"]),
        ("?label=device:boiler-*", []),
    ],
)
async def test_series_are_chosen_by_patterns(pod: RunningPod, query: str, found: list[str]) -> None:
    """Of a shell, for the whole name."""
    assert await metrics(pod, query) == found


async def test_an_entry_that_cannot_be_read_hides_no_other(standalone: RedisServer) -> None:
    """As a newer pod may write one: neither from the pages, nor from totals, stream and explain."""
    base = config_for(standalone, partitions=1)
    config = replace(base, detection=a_config(detection=ZSCORE).detection)
    store = connect(config, Unobserved(), username=None, password=None)
    outbox = Keys(config.pipeline.uid, 1).outbox(0)
    async with running_pod(config, store) as pod:
        start = time.time() - 100
        await pod.ingest(trouble("a", start))
        with redis.Redis(port=standalone.port) as client:
            for payload in (b"of a later version", b'{"kind": "Foreseen"}', b'"\xff"') * 3:
                client.xadd(outbox, {"anomaly": payload})
        await pod.ingest(trouble("b", start))
        assert await metrics(pod) == ["b", "a"]
        first = (await pod.ask(ANOMALIES + "?limit=1")).json
        assert await metrics(pod, f"?limit=1&before={first['next']}") == ["a"]
        assert (await pod.ask("/api/v1/stats")).json["anomalies_last_hour"] == 2
        series = first["anomalies"][0]["series"]  # type: ignore[index]
        told = (await pod.ask(f"/api/v1/series/{series}/explain")).json
        assert len(told["events"]) == 1  # type: ignore[arg-type]
        url = f"http://127.0.0.1:{pod.ports.http_port}/api/v1/stream?last=1-0"
        async with pod.session.get(url) as response, asyncio.timeout(60):
            text = b""
            while text.count(b"event: anomaly") < 2:
                text += await response.content.readany()


async def test_a_redis_that_is_away_is_503() -> None:
    """There is no answer to give without it."""
    config = a_config(redis={"urls": [f"127.0.0.1:{free_port()}"]})
    store = connect(config, Unobserved(), username=None, password=None)
    async with running_pod(config, store) as pod:
        for path in (ANOMALIES, "/api/v1/alerts", "/api/v1/series", "/api/v1/stream?last=1-0"):
            answer = await pod.ask(path)
            assert answer.status == 503, path
            assert answer.headers["Retry-After"].isdigit()
