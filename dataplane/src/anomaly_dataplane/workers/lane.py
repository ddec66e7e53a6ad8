"""One lane: one commit in flight, and meanwhile all that arrives waits for the next.

`pool.py` runs one for each Redis primary. There is no linger timer: under load groups form by
themselves while the commit before them is in flight. One commit at a time also keeps the samples of
a series in order for free.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from anomaly_dataplane.commit import Committer, Group
from anomaly_dataplane.errors import Draining, Refused, StoreUnavailable
from anomaly_dataplane.observer import Observer
from anomaly_dataplane.sample import Verdicts
from anomaly_dataplane.series import Series
from anomaly_dataplane.workers.job import Job, Part, Slice, hand_back
from anomaly_dataplane.workers.turns import Turns

logger = logging.getLogger(__name__)


class Lane:
    """Commits the parts that it is given.

    Args:
        committer: used by this lane alone.
        max_batch: samples of one commit.
        observer: is told of defects.
        arrived: is called with a job for each of its parts: all of the part is committed, or the
            job has a failure.
        committed: is called after each commit.

    Attributes:
        store_up: whether the store took the last commit.
    """

    def __init__(
        self,
        committer: Committer,
        max_batch: int,
        observer: Observer,
        arrived: Callable[[Job], None],
        committed: Callable[[], None],
    ) -> None:
        self.committer = committer
        self.store_up = True
        self._max_batch = max_batch
        self._observer = observer
        self._arrived = arrived
        self._committed = committed
        self._turns = Turns()
        self._closing = False
        self._wake = asyncio.Event()

    def put(self, part: Part) -> None:
        """Queue a part."""
        self._turns.put(part)
        self._wake.set()

    def close(self) -> None:
        """End `run` once nothing waits."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Commit what comes until the lane is closed. Cancelled, it fails all that waits."""
        try:
            while True:
                await self._wake.wait()
                # One turn of the loop: requests that arrived together go together.
                await asyncio.sleep(0)
                slices = self._turns.take(self._max_batch)
                if slices:
                    await self._commit(slices)
                elif self._closing:
                    return
                else:
                    self._wake.clear()
        finally:
            self._fail_waiting(Draining("the pod stopped before it was this request's turn"))

    async def _commit(self, slices: Sequence[Slice]) -> None:
        try:
            group = _group(slices)
            await self.committer.commit(group)
        except StoreUnavailable as error:
            self.store_up = False
            self._fail(slices, error)
            # All that waits would wait in vain, one time-out after the other.
            self._fail_waiting(error)
        except asyncio.CancelledError:
            self._fail(slices, Draining("the pod stopped in the middle of this request"))
            raise
        except Exception as error:
            # A defect of ours must not stop the lane: the group is refused, the log has the trace.
            samples = sum(end - start for _, start, end in slices)
            logger.exception("commit of %d samples failed", samples)
            self._observer.store_failed("defect")
            self._fail(slices, StoreUnavailable(f"internal error: {error}"))
        else:
            self.store_up = True
            self._succeed(slices, group.verdicts)
        self._committed()

    def _succeed(self, slices: Sequence[Slice], verdicts: Verdicts) -> None:
        offset = 0
        for part, start, end in slices:
            hand_back(verdicts, offset, part, start, end)
            offset += end - start
            if end == part.size:
                self._arrived(part.job)

    def _fail(self, slices: Sequence[Slice], error: Refused) -> None:
        for part, _, end in slices:
            part.job.failure = error
            if end == part.size:
                self._arrived(part.job)

    def _fail_waiting(self, error: Refused) -> None:
        for part in self._turns.clear():
            part.job.failure = error
            self._arrived(part.job)


def _group(slices: Sequence[Slice]) -> Group:
    series: list[Series] = []
    times: list[float] = []
    values: list[float] = []
    history: set[int] = set()
    for part, start, end in slices:
        batch = part.batch
        if batch.history:
            history.update(range(len(series), len(series) + end - start))
        if end - start == part.size:
            series += batch.series
            times += batch.times
            values += batch.values
        else:
            series += batch.series[start:end]
            times += batch.times[start:end]
            values += batch.values[start:end]
    return Group(series, times, values, history)
