"""Whether this pod should get requests: it reached the store once, and nobody told it to stop.

A store that goes away later does not make pods unready: all share it, so no pod would be left to
tell senders 503 with Retry-After, or the operator why. Nor does a buffer that is full because more
comes than the pod can do: it does as much as it can. One that stands still does. `app.py` runs the
watch in the background, so that a probe costs nothing and never waits for Redis; `health.py` shows
the result.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from anomaly_dataplane.buffer import Flow
from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.store import Store

PING_INTERVAL_SECONDS = 1.0
PING_TIMEOUT_SECONDS = 2.0
STUCK_SECONDS = 15.0
"""A full buffer that nothing has left for so long, though the store answers, is stuck."""


class _Listener(Protocol):
    def store_up(self, up: bool) -> None: ...

    def loop_lag(self, seconds: float) -> None: ...


class Readiness:
    """What the probes are told.

    Attributes:
        leaving: the pod was told to stop.
        store_error: why the store cannot take a commit, "" while it can.
        reached_store: it could once. A pod with a wrong password never replaces a good one.
        stuck_seconds: for so long the buffer has been full and nothing has left it.
    """

    def __init__(self) -> None:
        self.leaving = False
        self.store_error = "not asked yet"
        self.reached_store = False
        self.stuck_seconds = 0.0
        self._flow = Flow(0, 0, 0)
        self._stuck_since: float | None = None

    def checks(self) -> dict[str, str]:
        """By name, "ok" or what is wrong."""
        return {
            "store": self.store_error or "ok",
            "buffer": f"full, and stuck for {self.stuck_seconds:.0f} s" if self.stuck else "ok",
            "serving": "draining: the pod was told to stop" if self.leaving else "ok",
        }

    @property
    def ready(self) -> bool:
        """Whether to send requests here."""
        return self.reached_store and not self.leaving and not self.stuck

    @property
    def stuck(self) -> bool:
        """Whether the pod takes nothing any more, and other pods may."""
        return self.stuck_seconds > STUCK_SECONDS and not self.store_error

    def saw_store(self, error: str) -> None:
        """Take note of a ping: "" or why it failed."""
        self.store_error = error
        self.reached_store = self.reached_store or not error

    def saw_buffer(self, flow: Flow, now: float) -> None:
        """Take note of what went through the buffer since the last look."""
        if flow.answered != self._flow.answered or not flow.samples or self.store_error:
            self._stuck_since = None
        elif self._stuck_since is None and flow.refused != self._flow.refused:
            self._stuck_since = now
        self.stuck_seconds = 0.0 if self._stuck_since is None else now - self._stuck_since
        self._flow = flow


async def watch_store(
    store: Store,
    flow: Callable[[], Flow],
    readiness: Readiness,
    listener: _Listener,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.perf_counter,
    timeout_seconds: float = PING_TIMEOUT_SECONDS,
) -> None:
    """Ask the store for ever whether it is up and whether the buffer moves.

    By the way it measures how late the event loop wakes us.
    """
    while True:
        readiness.saw_store(await _ping(store, timeout_seconds))
        listener.store_up(not readiness.store_error)
        before = clock()
        readiness.saw_buffer(flow(), before)
        await sleep(PING_INTERVAL_SECONDS)
        listener.loop_lag(max(0.0, clock() - before - PING_INTERVAL_SECONDS))


async def _ping(store: Store, timeout_seconds: float) -> str:
    try:
        async with asyncio.timeout(timeout_seconds):
            await store.ping()
    except StoreUnavailable as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {timeout_seconds:g} s"
    return ""
