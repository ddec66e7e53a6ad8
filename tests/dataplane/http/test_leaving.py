"""A pod that was told to stop: senders move on, and nothing that was taken goes unanswered."""

from __future__ import annotations

import asyncio

from anomaly_dataplane.contract.runtime import PATH_INGEST
from held_store import HeldStore
from http_pods import RunPod
from raw_http import request, wire
from running_pod import RunningPod


async def leave(pod: RunningPod) -> None:
    """Tell a pod to stop and wait until it has noticed."""
    pod.stop.set()
    while not pod.pod.readiness.leaving:  # noqa: ASYNC110  # an attribute has no event
        await asyncio.sleep(0)


async def test_a_leaving_pod_answers_and_ends_the_connection(a_pod: RunPod) -> None:
    """A new one and a kept one; what was pipelined behind is for another pod."""
    async with (
        a_pod(ANOMALY_DRAIN_SECONDS="60") as pod,
        wire(pod.ports.http_port) as kept,
        wire(pod.ports.http_port) as fresh,
    ):
        assert "connection" not in (await kept.ask(request())).headers
        await leave(pod)
        for opened in (kept, fresh):
            answer = await opened.ask(request() + request())
            assert answer.status == 200
            assert answer.headers["connection"] == "close"
            assert await opened.closed()
        assert await pod.accepted() == 3


async def test_a_leaving_pod_ends_connections_after_errors_too(a_pod: RunPod) -> None:
    """Of whatever kind."""
    async with a_pod(ANOMALY_DRAIN_SECONDS="60") as pod:
        await leave(pod)
        for asked in (request(body=b"{"), request("GET", "/nowhere", None), request("PUT")):
            async with wire(pod.ports.http_port) as opened:
                answer = await opened.ask(asked)
                assert answer.status >= 400
                assert answer.headers["connection"] == "close"
                assert await opened.closed()


async def test_a_draining_pod_refuses_with_retry_after(a_pod: RunPod) -> None:
    """While it still commits what it has; that is answered before the port closes."""
    store = HeldStore()
    async with (
        a_pod(store) as pod,
        wire(pod.ports.http_port) as held,
        wire(pod.ports.http_port) as late,
    ):
        await held.send(request())
        await store.entered.wait()
        await leave(pod)
        await pod.admin("/readyz")  # the drain has begun by its answer
        answer = await late.ask(request("POST", PATH_INGEST))
        assert answer.status == 503
        assert answer.headers["retry-after"].isdigit()
        assert answer.headers["connection"] == "close"
        assert "stopping" in answer.error
        assert await late.closed()

        store.gate.set()
        assert (await held.answer()).status == 200
        assert await held.closed()
        await pod.stopped
        assert store.closed
        assert await pod.accepted() == 1


async def test_a_stopped_pod_leaves_no_connection_open(a_pod: RunPod) -> None:
    """Idle ones, half asked ones, and those that never asked."""
    async with (
        a_pod() as pod,
        wire(pod.ports.http_port) as idle,
        wire(pod.ports.http_port) as half,
        wire(pod.ports.http_port) as silent,
    ):
        assert (await idle.ask(request())).status == 200
        await half.send(request()[:-5])
        pod.stop.set()
        for opened in (idle, half, silent):
            assert await opened.closed()
        await pod.stopped
