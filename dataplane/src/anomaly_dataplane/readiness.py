"""Whether this pod should get requests: the store answers, and nobody told the pod to stop.

`app.py` runs the watch in the background, so that a probe costs nothing and never waits for Redis;
`health.py` shows the result.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.store import Store

PING_INTERVAL_SECONDS = 1.0
PING_TIMEOUT_SECONDS = 2.0


class _Listener(Protocol):
    def store_up(self, up: bool) -> None: ...

    def loop_lag(self, seconds: float) -> None: ...


class Readiness:
    """What the probes are told.

    Attributes:
        leaving: the pod was told to stop.
        store_error: why the store cannot take a commit, "" while it can.
    """

    def __init__(self) -> None:
        self.leaving = False
        self.store_error = "not asked yet"

    def checks(self) -> dict[str, str]:
        """By name, "ok" or what is wrong."""
        return {
            "store": self.store_error or "ok",
            "serving": "draining: the pod was told to stop" if self.leaving else "ok",
        }

    @property
    def ready(self) -> bool:
        """Whether all checks are ok."""
        return not self.leaving and not self.store_error


async def watch_store(
    store: Store,
    readiness: Readiness,
    listener: _Listener,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.perf_counter,
    timeout_seconds: float = PING_TIMEOUT_SECONDS,
) -> None:
    """Ask the store for ever whether it is up, and measure how late the event loop wakes us."""
    while True:
        readiness.store_error = await _ping(store, timeout_seconds)
        listener.store_up(not readiness.store_error)
        before = clock()
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
