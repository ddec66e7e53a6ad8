"""One keyed queue for every reason to reconcile: events, errors and the passing of time.

Fed by `handlers`, `resync` and itself; calls one function for a key. A key is in work at most
once, waits while it is, comes back with back-off after an error, and a burst of events is one call.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from anomaly_operator.errors import ApiError, Retry

K = TypeVar("K")
log = logging.getLogger(__name__)

BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_LAST_SECONDS = 300.0
SPACING_SECONDS = 0.2
"""Between two runs of one key: long enough that the events of one change are one run."""


class WorkQueue(Generic[K]):
    """Keys that are due, now or later."""

    def __init__(
        self,
        work: Callable[[K], Awaitable[float | None]],
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Args:
        work: does one key; returns in how many seconds to come back unasked, None for never.
        """
        self._work = work
        self._clock = clock
        self._jitter = jitter
        self._due: dict[K, float] = {}
        self._first: set[K] = set()
        self._urgent: list[tuple[float, int, K]] = []
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0
        self._running: set[K] = set()
        self._failures: dict[K, int] = {}
        self._not_before: dict[K, float] = {}
        self._wake = asyncio.Event()

    def add(self, key: K, delay: float = 0.0, *, first: bool = False) -> None:
        """Ask for a run of `key` in `delay` seconds, or earlier if that was asked for before.

        With `first`, it goes before all others that are due then and were not asked for so: what
        somebody waits for must not stand in line behind looks that have time.
        """
        at = max(self._clock() + delay, self._not_before.get(key, 0.0))
        known = self._due.get(key, float("inf"))
        if known <= at and (key in self._first or not first):
            return
        at = min(at, known)
        if first:
            self._first.add(key)
        self._due[key] = at
        if key not in self._running:
            self._push(at, key)

    def forget(self, key: K) -> None:
        """Drop a key that is gone for good."""
        for table in (self._due, self._failures, self._not_before):
            table.pop(key, None)
        self._first.discard(key)

    def depth(self) -> int:
        """Keys that could run now if there were a free worker."""
        now = self._clock()
        return sum(1 for key, at in self._due.items() if at <= now and key not in self._running)

    def age(self) -> float:
        """Seconds for which the oldest of those has been waiting."""
        now = self._clock()
        waiting = [at for key, at in self._due.items() if key not in self._running]
        return max(0.0, now - min(waiting, default=now))

    async def run(self, workers: int) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._worker(), name=f"reconcile worker {number}")

    async def _worker(self) -> None:
        while True:
            key = await self._next()
            self._running.add(key)
            try:
                await self._run_one(key)
            finally:
                self._running.discard(key)
                if key in self._due:
                    self._push(self._due[key], key)

    async def _run_one(self, key: K) -> None:
        started = self._clock()
        self._not_before[key] = started + SPACING_SECONDS
        try:
            again = await self._work(key)
        except Retry as retry:
            self._back_off(key, retry.retry_after, retry.at_most)
            log.warning("will try again: %s", retry)
        except ApiError as error:
            self._back_off(key, error.retry_after)
            log.warning("will try again: %s", error)
        except Exception:
            self._back_off(key, None)
            log.exception("reconcile failed")
        else:
            self._failures.pop(key, None)
            if again is not None:
                self.add(key, again)
            elif key not in self._due:  # else: a namesake has come while the work was at its end
                self.forget(key)

    def _back_off(
        self, key: K, retry_after: float | None, at_most: float = BACKOFF_LAST_SECONDS
    ) -> None:
        count = self._failures[key] = self._failures.get(key, 0) + 1
        delay = BACKOFF_FIRST_SECONDS * 2 ** min(count - 1, 16)
        delay = min(delay, BACKOFF_LAST_SECONDS, at_most)
        delay = max(delay * (0.75 + 0.5 * self._jitter()), retry_after or 0.0)
        # Events that arrive meanwhile may not hammer at what is broken: they wait a little too.
        self._not_before[key] = self._clock() + max(min(delay, 5.0), retry_after or 0.0)
        self.add(key, delay)

    async def _next(self) -> K:
        while True:
            now = self._clock()
            for heap in (self._urgent, self._heap):
                while heap and heap[0][0] <= now:
                    at, _, key = heapq.heappop(heap)
                    if self._due.get(key) == at and key not in self._running:
                        del self._due[key]
                        self._first.discard(key)
                        return key
            self._wake.clear()
            heads = [heap[0][0] for heap in (self._urgent, self._heap) if heap]
            timeout = min(heads) - now if heads else None
            try:
                await asyncio.wait_for(self._wake.wait(), timeout)
            except TimeoutError:
                continue

    def _push(self, at: float, key: K) -> None:
        self._count += 1
        heap = self._urgent if key in self._first else self._heap
        heapq.heappush(heap, (at, self._count, key))
        self._wake.set()
