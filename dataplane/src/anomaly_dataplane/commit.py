"""One group of samples, from cached state to committed state.

Called by `workers/lane.py`, one group at a time: load what is missing, score in place, compare
and set each partition in the store, and repeat only what another pod was faster with.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from anomaly_dataplane.detectors.kernel import score_group
from anomaly_dataplane.detectors.rules import Rules
from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.observer import Observer
from anomaly_dataplane.sample import Code, Verdicts
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.working_set import WorkingSet
from anomaly_dataplane.store import SeriesWrite, Store
from anomaly_dataplane.verdict import anomaly, record

FAILURES = 4
"""Tries of a group while the store does not answer; with the pauses between them about 1 s."""

GIVE_UP_SECONDS = 5.0
"""A store that answers slowly instead of refusing gets no new try after this long."""

FIRST_PAUSE_SECONDS = 0.1
"""After the first failed try; trebled after each further one."""

FREE_CONFLICTS = 4
"""Lost races before a group waits a moment: a conflict is mostly a stale cache, not a race."""

CONFLICT_PAUSE_SECONDS = 0.001
"""After the first conflict that is not free; doubled after each further one, up to 64 times."""


@dataclass(slots=True)
class Group:
    """Samples on their way through one commit, as columns; the verdicts are filled in."""

    series: list[Series]
    times: list[float]
    values: list[float]
    verdicts: Verdicts = field(init=False)

    def __post_init__(self) -> None:
        self.verdicts = Verdicts.empty(len(self.series))


class Committer:
    """Commits the groups of one lane.

    Attributes:
        rules: may be replaced between groups.
    """

    def __init__(
        self,
        store: Store,
        working_set: WorkingSet,
        rules: Rules,
        observer: Observer,
        wall_clock: Callable[[], float] = time.time,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self.rules = rules
        self._store = store
        self._working_set = working_set
        self._observer = observer
        self._wall_clock = wall_clock
        self._first_pause_seconds = first_pause_seconds

    async def commit(self, group: Group) -> None:
        """Commit every sample of a group and fill in its verdicts.

        Raises:
            StoreUnavailable: when the store did not take all of it in bounded time. What was
                committed stays so, and sending it again changes nothing.
        """
        started = time.perf_counter()
        try:
            await self._commit(group, started)
        except BaseException:
            # Blocks are changed in place: after a failure no one knows which are the store's.
            for series in group.series:
                self._working_set.forget(series)
            raise
        self._report(group, time.perf_counter() - started)

    async def _commit(self, group: Group, started: float) -> None:
        pending: Sequence[int] = range(len(group.series))
        unanswered: dict[Series, bytes] = {}
        failures = conflicts = 0
        while pending:
            failure: StoreUnavailable | None = None
            refused: set[Series] = set()
            try:
                await self._load([group.series[i] for i in pending])
            except StoreUnavailable as error:
                failure = error
            else:
                pending = self._unarrived(group, pending, unanswered)
                writes = self._score(group, pending)
                refused, failure = await self._write(writes, unanswered)
                pending = [i for i in pending if group.series[i] in refused]
            if failure is not None:
                failures += 1
                if failures == FAILURES or time.perf_counter() - started > GIVE_UP_SECONDS:
                    raise failure
                await _pause(self._first_pause_seconds * 3 ** (failures - 1))
            elif refused:
                conflicts += 1
                self._observer.conflicts(len(refused))
                if conflicts > FREE_CONFLICTS:
                    await _pause(CONFLICT_PAUSE_SECONDS * 2 ** min(conflicts - FREE_CONFLICTS, 6))

    async def _load(self, series: Sequence[Series]) -> None:
        """Have the blocks of all these series in the working set."""
        missing = self._working_set.missing(series)
        if not missing:
            return
        partitions: dict[int, list[Series]] = defaultdict(list)
        for item in missing:
            partitions[item.partition].append(item)
        blocks = await asyncio.gather(*(self._store.read(p, s) for p, s in partitions.items()))
        for items, stored in zip(partitions.values(), blocks, strict=True):
            for item, block in zip(items, stored, strict=True):
                self._working_set.fill(item, block)

    def _unarrived(
        self, group: Group, pending: Sequence[int], unanswered: dict[Series, bytes]
    ) -> Sequence[int]:
        """Leave out the samples of commits whose answer was lost but which did arrive.

        Their verdicts stand. Without this they would be told to be duplicates of themselves.
        """
        if not unanswered:
            return pending
        arrived = {
            series
            for series, version in unanswered.items()
            if self._working_set.version(series) == version
        }
        unanswered.clear()
        return [i for i in pending if group.series[i] not in arrived]

    def _score(self, group: Group, pending: Sequence[int]) -> dict[int, list[SeriesWrite]]:
        """Score samples in place; returns what has changed, by partition."""
        every = len(pending) == len(group.series)
        series = group.series if every else [group.series[i] for i in pending]
        times = group.times if every else [group.times[i] for i in pending]
        values = group.values if every else [group.values[i] for i in pending]
        slots = [item.slot for item in series]
        working_set = self._working_set
        scores = score_group(
            working_set.slab,
            working_set.layout,
            working_set.method,
            slots,
            times,
            values,
            self.rules,
        )
        record(group.verdicts, pending, scores)
        by_slot = dict(zip(slots, series, strict=True))
        changed = {
            slot: working_set.write(by_slot[slot], change)
            for slot, change in scores.touched.items()
        }
        position = scores.codes.find(Code.OUTLIER)
        while position >= 0:
            changed[slots[position]].outliers += 1
            position = scores.codes.find(Code.OUTLIER, position + 1)
        for i in scores.raised:
            event = anomaly(
                series[i], times[i], values[i], scores, i, self.rules, working_set.method
            )
            changed[slots[i]].anomalies.append(event)
            group.verdicts.anomalies[pending[i]] = event
        partitions: dict[int, list[SeriesWrite]] = defaultdict(list)
        for write in changed.values():
            partitions[write.series.partition].append(write)
        return partitions

    async def _write(
        self, partitions: dict[int, list[SeriesWrite]], unanswered: dict[Series, bytes]
    ) -> tuple[set[Series], StoreUnavailable | None]:
        """Commit the writes; returns the series to repeat, and the failure if there was one."""
        now_ms = int(self._wall_clock() * 1000)
        answers = await asyncio.gather(
            *(self._store.commit(p, writes, now_ms) for p, writes in partitions.items()),
            return_exceptions=True,
        )
        repeat: set[Series] = set()
        failure: StoreUnavailable | None = None
        for writes, answer in zip(partitions.values(), answers, strict=True):
            if isinstance(answer, StoreUnavailable):
                failure = answer
                for write in writes:
                    unanswered[write.series] = self._working_set.version(write.series)
                repeat.update(write.series for write in writes)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                repeat.update(writes[i].series for i in answer)
        for series in repeat:
            self._working_set.forget(series)
        return repeat, failure

    def _report(self, group: Group, seconds: float) -> None:
        verdicts = group.verdicts
        codes = verdicts.codes
        duplicate, late = codes.count(Code.DUPLICATE), codes.count(Code.LATE)
        accepted = len(codes) - duplicate - late
        families = Counter(event.family for event in verdicts.anomalies.values())
        self._observer.committed(
            series=len(set(group.series)),
            seconds=seconds,
            accepted=accepted,
            duplicate=duplicate,
            late=late,
            scored=accepted - codes.count(Code.WARMING),
            outliers=codes.count(Code.OUTLIER),
            anomalies_by_family=families,
        )


async def _pause(seconds: float) -> None:
    """Wait about so long; jittered, so that pods that collided do not meet again."""
    await asyncio.sleep(seconds * random.uniform(0.5, 1.0))  # noqa: S311  # no secret depends on it
