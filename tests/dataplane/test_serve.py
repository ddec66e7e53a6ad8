"""The life of a pod: ready, leaving, draining, gone."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from held_store import HeldStore
from running_pod import RunningPod, running_pod

GOOD = {"metric": "m", "value": 1}


async def leave(pod: RunningPod) -> None:
    """Tell a pod to stop and wait until it has noticed."""
    pod.stop.set()
    while not pod.pod.readiness.leaving:  # noqa: ASYNC110  # an attribute has no event
        await asyncio.sleep(0)


async def test_a_leaving_pod_serves_on_but_is_not_ready() -> None:
    """Until its endpoint has left the Service; kept connections are sent elsewhere."""
    async with running_pod(ANOMALY_DRAIN_SECONDS="60") as pod:
        kept = await pod.ingest(GOOD)
        assert "Connection" not in kept.headers
        await leave(pod)

        ready = await pod.admin("/readyz")
        assert ready.status == 503
        assert "draining" in str(ready.json["checks"])
        served = await pod.ingest(GOOD)
        assert served.status == 200
        assert served.headers["Connection"] == "close"
        assert await pod.accepted() == 2


async def test_a_draining_pod_finishes_what_it_has_and_refuses_the_rest() -> None:
    """Nothing acknowledged is lost; who comes too late is told to retry; the store closes last."""
    store = HeldStore()
    async with running_pod(store=store) as pod:
        held = asyncio.create_task(pod.ingest(GOOD))
        await store.entered.wait()
        await leave(pod)
        late = await pod.ingest({**GOOD, "timestamp": time.time()})
        while late.status == 200:
            late = await pod.ingest(GOOD)
        assert late.status == 503
        assert late.headers["Retry-After"].isdigit()
        assert not store.closed

        store.gate.set()
        assert (await held).status == 200
        await pod.stopped
        assert store.closed
        assert await pod.accepted() == 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await pod.ingest(GOOD)


async def test_a_second_signal_ends_the_waiting() -> None:
    """For the person at the terminal; the drain itself is not cut short."""
    async with running_pod(ANOMALY_DRAIN_SECONDS="600") as pod:
        await leave(pod)
        pod.stop.set()
        await pod.stopped
