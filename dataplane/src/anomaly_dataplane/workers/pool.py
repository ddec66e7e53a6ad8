"""The pool: takes batches within the buffer's bounds, deals them out to lanes, answers them.

`app.py` makes one, `ingest/intake.py` offers it batches. With one Redis primary there is one lane
and a batch stays the object that the parser made; with several it is split by the primaries of its
series and answered when all parts are in.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from anomaly_dataplane.buffer import Flow, Room
from anomaly_dataplane.commit import Committer
from anomaly_dataplane.contract.config import Match, PipelineConfig
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from anomaly_dataplane.errors import Draining, Refused, StoreUnavailable
from anomaly_dataplane.observer import Observer
from anomaly_dataplane.sample import Batch, Verdicts
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.working_set import WorkingSet
from anomaly_dataplane.store import Store
from anomaly_dataplane.workers.job import Job, Part, split
from anomaly_dataplane.workers.lane import Lane

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The lanes, which series is whose, and the cached blocks of each.

    Made once in the life of a process: a partition that changed lanes could have two commits in
    flight, out of order. Which partitions share a primary stays true when a replica takes over;
    after a resharding the lanes are only not the best ones any more, since every commit still
    finds the primary of its partition.
    """

    lane_of: Sequence[int]
    lanes: dict[int, Lane]
    working_sets: list[WorkingSet]


class Workers:
    """The pipeline behind the request handlers; implements `buffer.Buffer`."""

    def __init__(self, config: PipelineConfig, store: Store, observer: Observer) -> None:
        self._config = config
        self._store = store
        self._observer = observer
        self._unlearnt: Sequence[Match] = ()
        self._rules = Rulebook.of(config)
        self._ruled = config
        self._room = Room(config.buffer)
        self._draining = False
        self._unplanned: list[Job] = []
        self._wake = asyncio.Event()
        self._plan: _Plan | None = None
        self._only: Lane | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def book(self) -> Rulebook:
        """The rules that samples are scored by now."""
        return self._rules

    @property
    def samples(self) -> int:
        """Samples offered and not yet answered."""
        return self._room.samples

    @property
    def flow(self) -> Flow:
        room = self._room
        return Flow(room.samples, room.refused, room.answered)

    @property
    def capacity_samples(self) -> int:
        """Samples that fit at most."""
        return self._config.buffer.max_samples

    @property
    def cached_series(self) -> int:
        """Series whose state is in this pod's memory."""
        return sum(each.used for each in self._plan.working_sets) if self._plan else 0

    def offer(self, batch: Batch) -> asyncio.Future[Verdicts]:
        """Queue a batch; see `buffer.Buffer.offer`."""
        if self._draining:
            raise Draining("this pod is stopping; send again, another one answers")
        answer: asyncio.Future[Verdicts] = asyncio.get_running_loop().create_future()
        samples = len(batch.series)
        if not samples:
            answer.set_result(Verdicts.empty(0))
            return answer
        self._room.take(samples, batch.size_bytes)
        job = Job(batch, answer)
        if self._only is not None:
            job.waiting = 1
            self._only.put(Part(job, batch, samples))
        elif self._plan is not None:
            self._deal(self._plan, job)
        else:
            self._unplanned.append(job)
            self._wake.set()
        return answer

    async def start(self) -> None:
        """Start taking from the buffer."""
        self._tasks.append(asyncio.create_task(self._plan_lanes(), name="plan lanes"))

    async def drain(self) -> None:
        """Refuse what comes from now on, finish what waits, and stop.

        Cancelled, it stops at once: what is not committed yet fails with Draining.
        """
        self._draining = True
        self._wake.set()
        self._close_lanes()
        try:
            # Planning, if it is not over, adds the lanes' tasks when it ends.
            while running := [task for task in self._tasks if not task.done()]:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._fail_unplanned(Draining("the pod stopped before it was this request's turn"))

    def update(self, config: PipelineConfig) -> None:
        """Take over changed rules, from the next group on.

        Window, method and time zone decide what blocks mean; they take a new pod.
        """
        running = self._config.detection
        kept = replace(
            config.detection,
            window=running.window,
            method=running.method,
            time_zone=running.time_zone,
        )
        self._ruled = replace(config, detection=kept)
        self._renew()

    def pause_learning(self, series: Sequence[Match]) -> None:
        """Learn nothing from these series, from the next group on, until told otherwise."""
        self._unlearnt = series
        self._renew()

    def _renew(self) -> None:
        self._rules = Rulebook.of(self._ruled, self._unlearnt)
        if self._plan is not None:
            for lane in self._plan.lanes.values():
                lane.committer.rules = self._rules

    def rules_of(self, series: Series) -> Rules:
        """The rules that a series is scored by."""
        return self._rules.entries[self._rules.row_of(series) // 2]

    async def _plan_lanes(self) -> None:
        """Ask the store for its primaries when there is something to commit, until it tells."""
        while self._plan is None:
            await self._wake.wait()
            self._wake.clear()
            if self._unplanned:
                try:
                    self._open_lanes(await self._store.lanes())
                except StoreUnavailable as error:
                    self._observer.store_up(False)
                    self._fail_unplanned(error)
                except Exception as error:
                    # A defect of ours: refused, and tried again with the next request.
                    logger.exception("planning the lanes failed")
                    self._observer.store_failed("defect")
                    self._fail_unplanned(StoreUnavailable(f"internal error: {error}"))
            if self._draining:
                return

    def _open_lanes(self, lane_of: Sequence[int]) -> None:
        method = METHODS[self._config.detection.method]
        window = self._config.detection.window
        limits = self._config.workers
        blocks = limits.max_cache_bytes // method.layout(window).size_bytes
        plan = self._plan = _Plan(lane_of, {}, [])
        for number, partitions in sorted(Counter(lane_of).items()):
            # Series spread evenly over partitions. A group must find room for each of its series.
            slots = max(blocks * partitions // len(lane_of), 2 * limits.max_batch)
            working_set = WorkingSet(method, window, slots, self._rules.clock)
            committer = Committer(self._store, working_set, self._rules, self._observer)
            lane = Lane(committer, limits.max_batch, self._observer, self._arrived, self._committed)
            plan.working_sets.append(working_set)
            plan.lanes[number] = lane
            self._tasks.append(asyncio.create_task(lane.run(), name=f"lane {number}"))
        if self._draining:
            self._close_lanes()
        if len(plan.lanes) == 1:
            (self._only,) = plan.lanes.values()
        for job in self._unplanned:
            self._deal(plan, job)
        self._unplanned.clear()

    def _close_lanes(self) -> None:
        if self._plan is not None:
            for lane in self._plan.lanes.values():
                lane.close()

    def _deal(self, plan: _Plan, job: Job) -> None:
        """Hand a job to the lanes of its series."""
        parts = split(job, plan.lane_of)
        job.waiting = len(parts)
        for number, part in parts.items():
            plan.lanes[number].put(part)

    def _arrived(self, job: Job) -> None:
        """A part of a job is in; with the last one, give back the room and answer."""
        job.waiting -= 1
        if job.waiting > 0:
            return
        batch, answer = job.batch, job.answer
        self._room.give_back(len(batch.series), batch.size_bytes)
        if answer.done():
            return  # cancelled: the sender went away
        if job.failure is not None:
            answer.set_exception(job.failure)
        else:
            assert job.verdicts is not None
            answer.set_result(job.verdicts)

    def _fail_unplanned(self, error: Refused) -> None:
        for job in self._unplanned:
            job.failure = error
            self._arrived(job)
        self._unplanned.clear()

    def _committed(self) -> None:
        assert self._plan is not None
        self._observer.store_up(all(lane.store_up for lane in self._plan.lanes.values()))
