"""The bounded buffer and its workers, one lane for each group of partitions.

`ingest/intake.py` offers batches; a lane takes all that waits while its last commit was in flight
(no linger timer), at most `max_batch` samples, and commits them as one group. One lane has one
commit in flight, which keeps the samples of a series in order for free.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field, replace

from anomaly_dataplane.commit import Committer, Group
from anomaly_dataplane.contract.config import Detection, PipelineConfig
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.rules import Rules
from anomaly_dataplane.errors import BatchTooLarge, BufferFull, Draining, StoreUnavailable
from anomaly_dataplane.observer import Observer
from anomaly_dataplane.sample import Batch, Verdicts
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.working_set import WorkingSet
from anomaly_dataplane.store import Store

CACHE_BYTES = 48 * 2**20
"""Memory for cached blocks, taken as it is used: 12 000 series of the default window and method."""

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Job:
    """A batch on its way, and how much of it is done."""

    batch: Batch
    answer: asyncio.Future[Verdicts]
    verdicts: Verdicts = field(init=False)
    taken: int = 0
    failed: StoreUnavailable | None = None

    def __post_init__(self) -> None:
        self.verdicts = Verdicts.empty(len(self.batch))


@dataclass(frozen=True, slots=True)
class _Slice:
    """Samples `start` to `end` of a job, at `offset` of a group."""

    job: _Job
    start: int
    end: int
    offset: int


class Workers:
    """The pipeline behind the request handlers; implements `buffer.Buffer`."""

    def __init__(self, config: PipelineConfig, store: Store, observer: Observer) -> None:
        self._config = config
        self._max_batch = config.workers.max_batch
        method = METHODS[config.detection.method]
        window = config.detection.window
        slots = max(CACHE_BYTES // method.layout(window).size_bytes, 2 * self._max_batch)
        rules = Rules.of(config.detection, config.ingest)
        working_set = WorkingSet(method, window, slots)
        self._committer = Committer(store, working_set, rules, observer)
        self._observer = observer
        self._jobs: deque[_Job] = deque()
        self._samples = 0
        self._bytes = 0
        self._draining = False
        self._arrival = asyncio.Event()
        self._lane: asyncio.Task[None] | None = None

    @property
    def samples(self) -> int:
        """Samples offered and not yet answered."""
        return self._samples

    @property
    def capacity_samples(self) -> int:
        """Samples that fit at most."""
        return self._config.buffer.max_samples

    def offer(self, batch: Batch) -> asyncio.Future[Verdicts]:
        """Queue a batch; see `buffer.Buffer.offer`."""
        if self._draining:
            raise Draining("this pod is stopping; send again, another one answers")
        limits = self._config.buffer
        if len(batch) > limits.max_samples:
            raise BatchTooLarge(
                f"{len(batch)} samples in one request; buffer.maxSamples is {limits.max_samples}: "
                "send smaller requests"
            )
        full_bytes = self._bytes and self._bytes + batch.size_bytes > limits.max_bytes
        if full_bytes or self._samples + len(batch) > limits.max_samples:
            raise BufferFull(
                f"the buffer holds {self._samples} of {limits.max_samples} samples and "
                f"{self._bytes} of {limits.max_bytes} bytes"
            )
        job = _Job(batch, asyncio.get_running_loop().create_future())
        if not len(batch):
            job.answer.set_result(job.verdicts)
            return job.answer
        self._samples += len(batch)
        self._bytes += batch.size_bytes
        self._jobs.append(job)
        self._arrival.set()
        return job.answer

    async def start(self) -> None:
        """Start taking from the buffer."""
        self._lane = asyncio.create_task(self._run(), name="lane")

    async def drain(self) -> None:
        """Refuse what comes from now on, finish what waits, and stop."""
        self._draining = True
        self._arrival.set()
        if self._lane is not None:
            await self._lane

    def update(self, detection: Detection) -> None:
        """Take over changed thresholds, from the next group on.

        Window and method decide the layout of blocks; they take a new pod.
        """
        running = self._config.detection
        kept = replace(detection, window=running.window, method=running.method)
        self._committer.rules = Rules.of(kept, self._config.ingest)

    async def _run(self) -> None:
        while True:
            await self._arrival.wait()
            # One turn of the loop: requests that arrived together go together.
            await asyncio.sleep(0)
            slices = self._take()
            if slices:
                await self._commit(slices)
            elif self._draining:
                return
            else:
                self._arrival.clear()

    def _take(self) -> list[_Slice]:
        """The next samples in order of arrival, up to a group's size."""
        slices: list[_Slice] = []
        size = 0
        while self._jobs and size < self._max_batch:
            job = self._jobs[0]
            if job.failed is not None:
                self._jobs.popleft()
                self._finish(job)
                continue
            end = min(len(job.batch), job.taken + self._max_batch - size)
            slices.append(_Slice(job, job.taken, end, size))
            size += end - job.taken
            job.taken = end
            if end == len(job.batch):
                self._jobs.popleft()
        return slices

    async def _commit(self, slices: list[_Slice]) -> None:
        group = _group(slices)
        try:
            await self._committer.commit(group)
        except StoreUnavailable as error:
            self._observer.store_up(False)
            # All that waits would wait in vain, one time-out after the other.
            for job in (*(part.job for part in slices), *self._jobs):
                job.failed = error
        except Exception as error:
            # A defect of ours must not stop the lane: the batch is refused, the log has the trace.
            logger.exception("commit of %d samples failed", len(group.series))
            self._observer.store_failed("defect")
            for part in slices:
                part.job.failed = StoreUnavailable(f"internal error: {error}")
        else:
            self._observer.store_up(True)
            for part in slices:
                _copy(group.verdicts, part)
        for part in slices:
            if part.job.taken == len(part.job.batch):
                self._finish(part.job)

    def _finish(self, job: _Job) -> None:
        """Give back a job's room and answer it; nobody may be waiting any more."""
        self._samples -= len(job.batch)
        self._bytes -= job.batch.size_bytes
        if job.answer.done():
            return
        if job.failed is not None:
            job.answer.set_exception(job.failed)
        else:
            job.answer.set_result(job.verdicts)


def _group(slices: list[_Slice]) -> Group:
    series: list[Series] = []
    times: list[float] = []
    values: list[float] = []
    for part in slices:
        batch = part.job.batch
        series += batch.series[part.start : part.end]
        times += batch.times[part.start : part.end]
        values += batch.values[part.start : part.end]
    return Group(series, times, values)


def _copy(verdicts: Verdicts, part: _Slice) -> None:
    """Put a group's verdicts into their place in the job's."""
    into = part.job.verdicts
    first, last = part.offset, part.offset + part.end - part.start
    into.codes[part.start : part.end] = verdicts.codes[first:last]
    into.z[part.start : part.end] = verdicts.z[first:last]
    into.mean[part.start : part.end] = verdicts.mean[first:last]
    into.std[part.start : part.end] = verdicts.std[first:last]
    into.n[part.start : part.end] = verdicts.n[first:last]
    for position, event in verdicts.anomalies.items():
        if first <= position < last:
            into.anomalies[part.start + position - part.offset] = event
