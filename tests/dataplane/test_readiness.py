"""Readiness: what the background watch finds, and what the probes make of it."""

from __future__ import annotations

import asyncio

import pytest

from anomaly_dataplane.buffer import Flow
from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.readiness import (
    PING_INTERVAL_SECONDS,
    STUCK_SECONDS,
    Readiness,
    watch_store,
)
from anomaly_dataplane.store.memory_store import MemoryStore
from held_store import HeldStore
from running_pod import running_pod
from samples import a_config


class Told:
    """Remembers what the watch tells."""

    def __init__(self) -> None:
        self.up: list[bool] = []
        self.lag: list[float] = []

    def store_up(self, up: bool) -> None:
        self.up.append(up)

    def loop_lag(self, seconds: float) -> None:
        self.lag.append(seconds)


class Store(MemoryStore):
    """Pings as the list says: fine, failing, or never answering."""

    def __init__(self, *pings: str) -> None:
        super().__init__()
        self.pings = list(pings)

    async def ping(self) -> None:
        match self.pings.pop(0):
            case "fails":
                raise StoreUnavailable("connection refused")
            case "hangs":
                await asyncio.Event().wait()


async def test_the_watch_follows_the_store() -> None:
    """Down, hanging, up: each is noticed at the next ping, with its reason.

    Once it was reached the pod stays ready: somebody has to tell senders to come back.
    """
    told, readiness, seen = Told(), Readiness(), []
    store = Store("fails", "ok", "fails", "hangs", "ok")
    times = iter([0.0, 1.0, 1.0, 2.5, 2.5, 3.5, 3.5, 4.5])

    async def sleep(seconds: float) -> None:
        assert seconds == PING_INTERVAL_SECONDS
        seen.append((readiness.ready, readiness.checks()["store"]))
        if not store.pings:
            raise asyncio.CancelledError

    assert not readiness.ready
    with pytest.raises(asyncio.CancelledError):
        await watch_store(
            store,
            lambda: Flow(0, 0, 0),
            readiness,
            told,
            sleep=sleep,
            clock=lambda: next(times, 9.0),
            timeout_seconds=0.01,
        )
    assert seen == [
        (False, "connection refused"),
        (True, "ok"),
        (True, "connection refused"),
        (True, "no answer within 0.01 s"),
        (True, "ok"),
    ]
    assert told.up == [False, True, False, False, True]
    assert told.lag == [0.0, 0.5, 0.0, 0.0]


async def test_the_probes_tell_what_is_wrong_and_liveness_does_not_care() -> None:
    """A restart would not bring Redis back."""
    async with running_pod() as pod:
        readiness = pod.pod.readiness
        readiness.reached_store, readiness.store_error = False, "connection refused"
        answer = await pod.admin("/readyz")
        assert answer.status == 503
        assert answer.json["checks"] == {
            "store": "connection refused",
            "buffer": "ok",
            "serving": "ok",
        }
        assert (await pod.admin("/livez")).status == 200

        readiness.saw_store("")
        assert (await pod.admin("/readyz")).json == {
            "status": "ok",
            "checks": {"store": "ok", "buffer": "ok", "serving": "ok"},
        }


def looks(*seen: Flow, every: float = STUCK_SECONDS / 2) -> list[bool]:
    """Whether the pod is ready after each look at the buffer; the store answers."""
    readiness = Readiness()
    readiness.saw_store("")
    ready = []
    for number, flow in enumerate(seen):
        readiness.saw_buffer(flow, number * every)
        ready.append(readiness.ready)
    return ready


def test_a_full_buffer_that_stands_still_is_told_and_passes() -> None:
    """Nobody is sent there until something has left it; also when nobody knocks any more."""
    standing = [Flow(9, refused, 5) for refused in (0, 1, 2, 2)]

    assert looks(*standing) == [True, True, True, True]
    assert looks(*standing, Flow(9, 2, 5)) == [True] * 4 + [False]
    assert looks(*standing, Flow(9, 2, 5), Flow(8, 2, 6)) == [True] * 4 + [False, True]


def test_a_full_buffer_that_moves_is_a_busy_pod() -> None:
    """It does as much as it can: without it, less would be done."""
    assert all(looks(*(Flow(9, number, number) for number in range(20))))


def test_a_store_that_is_away_is_not_the_pods_fault() -> None:
    """All pods share it."""
    readiness = Readiness()
    readiness.saw_store("")
    readiness.saw_store("connection refused")
    for number in range(20):
        readiness.saw_buffer(Flow(9, number, 0), number * STUCK_SECONDS)

    assert readiness.ready


async def test_a_pod_whose_commits_hang_is_not_ready_until_they_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the real buffer and the real probe; what waited is answered."""
    monkeypatch.setattr("anomaly_dataplane.readiness.PING_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr("anomaly_dataplane.readiness.STUCK_SECONDS", 0.1)
    store = HeldStore()
    config = a_config(buffer={"maxSamples": 100})
    samples = [{"metric": "m", "value": 1, "timestamp": at} for at in range(1, 61)]
    async with running_pod(config, store) as pod:
        while not pod.pod.readiness.ready:  # noqa: ASYNC110  # an attribute has no event
            await asyncio.sleep(0.01)
        first = asyncio.create_task(pod.ingest(samples))
        await store.entered.wait()
        assert (await pod.admin("/readyz")).status == 200
        assert (await pod.ingest(samples)).status == 503
        while (answer := await pod.admin("/readyz")).status == 200:  # noqa: ASYNC110  # nor has a probe
            await asyncio.sleep(0.05)
        assert "stuck" in str(answer.json["checks"])

        store.gate.set()
        assert (await first).status == 200
        while (await pod.admin("/readyz")).status != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_the_probes_are_not_on_the_public_port() -> None:
    """Nor is ingest on the other."""
    async with running_pod() as pod:
        for path in ("/livez", "/readyz", "/metrics"):
            assert (await pod.ask(path)).status == 404
        assert (
            await pod.ask("/api/v1/ingest", "POST", b"x", port=pod.ports.admin_port)
        ).status == 404
