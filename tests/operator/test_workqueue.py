"""The queue: one run at a time for a key, bursts are one run, errors come back with back-off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from anomaly_operator.errors import ApiError, Retry
from anomaly_operator.workqueue import BACKOFF_LAST_SECONDS, WorkQueue
from virtual_time import in_virtual_time

Work = Callable[[str], Awaitable[float | None]]


@asynccontextmanager
async def running(work: Work, workers: int = 4) -> AsyncIterator[WorkQueue[str]]:
    clock = asyncio.get_running_loop().time
    queue: WorkQueue[str] = WorkQueue(work, clock=clock, jitter=lambda: 0.5)
    task = asyncio.create_task(queue.run(workers))
    yield queue
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@in_virtual_time
async def test_a_burst_of_events_is_one_run() -> None:
    """And what comes while it runs is one more."""
    runs = []

    async def work(key: str) -> float:
        runs.append(key)
        await asyncio.sleep(0.05)
        return 1000

    async with running(work) as queue:
        for _ in range(10):
            queue.add("a")
        await asyncio.sleep(0.02)
        for _ in range(10):
            queue.add("a")
        await asyncio.sleep(0.5)

    assert runs == ["a", "a"]


@in_virtual_time
async def test_a_key_never_runs_twice_at_a_time() -> None:
    """Other keys do, up to the number of workers."""
    at_work: list[str] = []
    most = 0

    async def work(key: str) -> float:
        nonlocal most
        assert key not in at_work
        at_work.append(key)
        most = max(most, len(at_work))
        await asyncio.sleep(0.02)
        at_work.remove(key)
        return 1000

    async with running(work, workers=3) as queue:
        for _ in range(3):
            for number in range(9):
                queue.add(f"key {number}")
            await asyncio.sleep(0.03)
        await asyncio.sleep(0.2)

    assert most == 3


@in_virtual_time
async def test_an_error_of_one_key_does_not_hold_up_another() -> None:
    """Whatever it raises; it is tried again by itself."""
    runs: list[str] = []

    async def work(key: str) -> float:
        runs.append(key)
        if key == "bad":
            raise RuntimeError("a bug")
        return 1000

    async with running(work, workers=1) as queue:
        queue.add("bad")
        queue.add("good")
        await asyncio.sleep(0.1)
        assert runs == ["bad", "good"]
        await asyncio.sleep(1.2)
        assert runs == ["bad", "good", "bad"]


class Hand:
    """A queue whose clock and runs are moved by hand."""

    def __init__(self, outcome: Exception | float | None) -> None:
        self.now = 0.0
        self.outcome = outcome
        self.queue: WorkQueue[str] = WorkQueue(
            self.work, clock=lambda: self.now, jitter=lambda: 0.5
        )

    async def work(self, key: str) -> float | None:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def run(self) -> float:
        """Run the key now; return in how many seconds it is due again."""
        self.queue._due.pop("k", None)
        await self.queue._run_one("k")
        due = self.queue._due.get("k")
        wait = due - self.now if due is not None else float("inf")
        self.now += 0 if due is None else wait
        return wait


async def test_waits_grow_to_a_limit_and_are_forgotten_by_success() -> None:
    """Doubling from one second to five minutes."""
    hand = Hand(Retry("ApiUnavailable", "busy"))

    waits = [await hand.run() for _ in range(12)]
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == BACKOFF_LAST_SECONDS

    hand.outcome = 1000.0
    assert await hand.run() == pytest.approx(1000)
    hand.outcome = ApiError(500, "x")
    assert await hand.run() == 1


async def test_a_wait_that_is_cheap_to_look_at_stays_short() -> None:
    """What is being collected goes without an event, however many looks were too early."""
    hand = Hand(Retry("ChildDeleting", "going", at_most=5))

    assert [await hand.run() for _ in range(6)] == [1, 2, 4, 5, 5, 5]


@in_virtual_time
async def test_an_edit_does_not_stand_in_line_behind_looks_that_have_time() -> None:
    """Also one of a pipeline whose look is overdue itself."""
    runs: list[str] = []

    async def work(key: str) -> float:
        runs.append(key)
        return 1000

    async with running(work, workers=1) as queue:
        for number in range(50):
            queue.add(f"look {number}")
        queue.add("look 49", first=True)
        queue.add("edit", first=True)
        queue.add("look 48", delay=0.05)
        await asyncio.sleep(0.3)

    assert runs[:2] == ["look 49", "edit"]
    assert len(runs) == len(set(runs)) == 51


async def test_the_api_servers_own_wait_is_kept() -> None:
    """Even by an event that comes in between."""
    hand = Hand(ApiError(429, "slow down", retry_after=60))

    await hand.queue._run_one("k")
    hand.queue.add("k")

    assert hand.queue._due["k"] == 60


async def test_a_key_that_is_gone_leaves_nothing_behind() -> None:
    """Memory does not grow with pipelines that were deleted."""
    hand = Hand(None)

    assert await hand.run() == float("inf")
    assert [hand.queue._due, hand.queue._failures, hand.queue._not_before] == [{}, {}, {}]


@in_virtual_time
async def test_a_namesake_that_comes_while_the_end_is_seen_to_is_not_forgotten() -> None:
    """`kubectl replace --force` makes one the moment the first is gone."""
    runs: list[str] = []

    async def work(key: str) -> float | None:
        runs.append(key)
        if len(runs) > 1:
            return 1000
        await asyncio.sleep(0.1)  # as the last requests about the first one take
        return None

    async with running(work) as queue:
        queue.add("a")
        await asyncio.sleep(0.05)
        queue.add("a", first=True)
        await asyncio.sleep(1)

    assert runs == ["a", "a"]


async def test_depth_counts_what_could_run_now() -> None:
    """Not what is due later."""
    hand = Hand(None)
    hand.queue.add("a")
    hand.queue.add("b", 10)

    assert hand.queue.depth() == 1
