"""Readiness: what the background watch finds, and what the probes make of it."""

from __future__ import annotations

import asyncio

import pytest

from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.readiness import PING_INTERVAL_SECONDS, Readiness, watch_store
from anomaly_dataplane.store.memory_store import MemoryStore
from running_pod import running_pod


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
        assert answer.json["checks"] == {"store": "connection refused", "serving": "ok"}
        assert (await pod.admin("/livez")).status == 200

        readiness.saw_store("")
        assert (await pod.admin("/readyz")).json == {
            "status": "ok",
            "checks": {"store": "ok", "serving": "ok"},
        }


async def test_the_probes_are_not_on_the_public_port() -> None:
    """Nor is ingest on the other."""
    async with running_pod() as pod:
        for path in ("/livez", "/readyz", "/metrics"):
            assert (await pod.ask(path)).status == 404
        assert (
            await pod.ask("/api/v1/ingest", "POST", b"x", port=pod.ports.admin_port)
        ).status == 404
