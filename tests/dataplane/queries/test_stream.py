"""`GET /api/v1/stream`: Server-Sent Events."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientResponse

from anomaly_dataplane.queries import stream
from anomaly_dataplane.queries.matching import Matching
from anomaly_dataplane.store.memory_store import MemoryStore
from polling import PATIENCE
from running_pod import RunningPod, running_pod
from samples import ZSCORE, a_config

STREAM = "/api/v1/stream"


@pytest.fixture
async def pod() -> AsyncIterator[RunningPod]:
    async with running_pod(a_config(detection=ZSCORE)) as running:
        yield running


async def an_anomaly(pod: RunningPod, metric: str) -> None:
    start = time.time() - 200
    values = [*(10 + 0.1 * (i % 3) for i in range(60)), 99.0]
    samples = [
        {"metric": metric, "timestamp": start + i, "value": value} for i, value in enumerate(values)
    ]
    assert (await pod.ingest(samples)).status == 200


@asynccontextmanager
async def listening(
    pod: RunningPod, query: str = "", last: str = ""
) -> AsyncIterator[ClientResponse]:
    url = f"http://127.0.0.1:{pod.ports.http_port}{STREAM}{query}"
    headers = {"Last-Event-ID": last} if last else {}
    async with pod.session.get(url, headers=headers) as response:
        assert response.status == 200
        yield response


async def next_event(response: ClientResponse) -> dict[str, Any]:
    """The next event, as its fields; comments and settings are passed over."""
    async with asyncio.timeout(PATIENCE):
        while True:
            block = (await response.content.readuntil(b"\n\n")).decode().strip()
            fields = dict(line.split(": ", 1) for line in block.splitlines())
            if "data" in fields:
                return {**fields, "data": json.loads(fields["data"])}


async def test_events_come_as_they_are_committed(pod: RunningPod) -> None:
    """With an id to go on from, and what the query API tells of them."""
    async with listening(pod) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        await an_anomaly(pod, "a")
        event = await next_event(response)
    assert event["event"] == "anomaly"
    assert event["data"]["metric"] == "a"
    answer = await pod.ask("/api/v1/anomalies")
    assert [event["data"]] == answer.json["anomalies"]


async def test_a_stream_goes_on_where_the_last_one_ended(pod: RunningPod) -> None:
    """Nothing that came in between is missing; what was seen may come again, with its id."""
    async with listening(pod) as response:
        await an_anomaly(pod, "a")
        first = await next_event(response)
    await an_anomaly(pod, "b")
    await an_anomaly(pod, "c")
    async with listening(pod, last=first["id"]) as response:
        metrics: list[str] = []
        while "c" not in metrics:
            metrics.append((await next_event(response))["data"]["metric"])
    assert [metric for metric in metrics if metric != "a"] == ["b", "c"]


async def test_only_series_that_match_are_told(pod: RunningPod) -> None:
    """The patterns are those of the other queries."""
    async with listening(pod, "?metric=b*") as response:
        await an_anomaly(pod, "a")
        await an_anomaly(pod, "bb")
        assert (await next_event(response))["data"]["metric"] == "bb"


async def test_who_is_too_slow_is_let_go_of(pod: RunningPod) -> None:
    """The others, and the pod, go on; it comes back with the id of what it last saw."""
    await an_anomaly(pod, "a")
    ((_, event),) = await pod.pod.reader.after(0, (0, 0), 10)
    assert event is not None
    listener = stream._Listener(Matching("", ()))
    for _ in range(stream.MOST_WAITING):
        listener.tell(event, b"")
    assert not listener.dropped
    listener.tell(event, b"")
    assert listener.dropped


async def test_a_pod_serves_so_many_streams(
    pod: RunningPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then another one has to."""
    monkeypatch.setattr(stream, "MOST_LISTENERS", 1)
    async with listening(pod):
        answer = await pod.ask(STREAM)
    assert answer.status == 503
    assert answer.headers["Retry-After"].isdigit()


async def test_who_reads_nothing_is_let_go_of(
    pod: RunningPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its connection stays: else a hundred of them would be all that a pod serves."""
    monkeypatch.setattr(stream, "STALLED_SECONDS", 0.5)
    monkeypatch.setattr(stream, "MOST_LISTENERS", 1)
    await an_anomaly(pod, "a")
    store = pod.pod.store
    assert isinstance(store, MemoryStore)
    ((_, event),) = store.outbox
    long = replace(event, labels={"device": "x" * 20_000})
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.connect(("127.0.0.1", pod.ports.http_port))
        silent.sendall(f"GET {STREAM}?last=1-0 HTTP/1.1\r\nHost: pod\r\n\r\n".encode())
        silent.setblocking(False)
        loop = asyncio.get_running_loop()
        assert (await loop.sock_recv(silent, 12)).endswith(b"200")  # and nothing more is read
        store.outbox += [(int(time.time() * 1e3), long)] * 400
        async with asyncio.timeout(PATIENCE):
            while True:
                url = f"http://127.0.0.1:{pod.ports.http_port}{STREAM}"
                async with pod.session.get(url) as response:
                    if response.status == 200:
                        break
                await asyncio.sleep(0.1)


async def test_a_pod_that_leaves_ends_its_streams(pod: RunningPod) -> None:
    """Their clients come back to another one."""
    async with listening(pod) as response:
        pod.stop.set()
        async with asyncio.timeout(PATIENCE):
            await response.content.read()


async def test_an_id_of_something_else_is_400(pod: RunningPod) -> None:
    """Rather than a stream with a gap."""
    answer = await pod.ask(STREAM, headers={"Last-Event-ID": "x"})
    assert answer.status == 400
