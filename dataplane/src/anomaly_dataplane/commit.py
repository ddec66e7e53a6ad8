"""One group of samples, from cached state to committed state.

Called by `workers/lane.py`, one group at a time: load what is missing, score in place, compare
and set each partition in the store, and repeat only what another pod was faster with.
"""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TypeVar

from anomaly_dataplane.detectors.kernel import score_group
from anomaly_dataplane.detectors.rules import Rulebook
from anomaly_dataplane.detectors.scores import Scores
from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.observer import Committed, Observer
from anomaly_dataplane.sample import Anomaly, Code, Kind, Verdicts
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.working_set import WorkingSet
from anomaly_dataplane.store import Store, Writes
from anomaly_dataplane.verdict import Context, adopt, anomaly, merge, recovery

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
    """Samples on their way through one commit, as columns, and what became of them.

    Attributes:
        history: positions of samples whose anomalies nobody is to hear of.
        verdicts: set when the group is committed.
    """

    series: list[Series]
    times: list[float]
    values: list[float]
    history: Collection[int] = ()
    verdicts: Verdicts = field(init=False)


class Committer:
    """Commits the groups of one lane.

    Attributes:
        rules: may be replaced between groups.
    """

    def __init__(
        self,
        store: Store,
        working_set: WorkingSet,
        rules: Rulebook,
        observer: Observer,
        wall_clock: Callable[[], float] = time.time,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._store = store
        self._working_set = working_set
        self.rules = rules
        self._observer = observer
        self._wall_clock = wall_clock
        self._first_pause_seconds = first_pause_seconds

    @property
    def rules(self) -> Rulebook:
        """The rules that samples are scored by."""
        return self._working_set.book

    @rules.setter
    def rules(self, rules: Rulebook) -> None:
        self._working_set.book = rules

    async def commit(self, group: Group) -> None:
        """Commit every sample of a group and fill in its verdicts.

        Raises:
            StoreUnavailable: when the store did not take all of it in bounded time. What was
                committed stays so, and sending it again changes nothing.
        """
        started = time.perf_counter()
        if not group.series:
            group.verdicts = Verdicts.empty(0)
            return
        try:
            distinct = await self._commit(group, started)
        except BaseException:
            # Blocks are changed in place: after a failure no one knows which are the store's.
            for series in group.series:
                self._working_set.forget(series)
            raise
        self._report(group, distinct, time.perf_counter() - started)

    async def _commit(self, group: Group, started: float) -> int:
        """Commit all samples; returns how many series they are of."""
        pending: Sequence[int] = range(len(group.series))
        unanswered: dict[Series, bytes] = {}
        failures = conflicts = distinct = 0
        while pending:
            failure: StoreUnavailable | None = None
            refused: set[Series] = set()
            try:
                slots, held = await self._load(_pick(group.series, pending))
            except StoreUnavailable as error:
                failure = error
            else:
                distinct = max(distinct, held)
                if unanswered:
                    pending = self._unarrived(group, pending, unanswered)
                    slots = array("i", [group.series[i].slot for i in pending])
                writes = self._score(group, pending, slots)
                refused, failure = await self._write(writes, unanswered)
                pending = [i for i in pending if group.series[i] in refused] if refused else ()
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
        return distinct

    async def _load(self, series: list[Series]) -> tuple[array[int], int]:
        """Have the blocks of all these series in the working set.

        Returns:
            The slot of each, and how many series they are, repeats apart.
        """
        begun = self._working_set.begin(series)
        if begun.missing:
            partitions: dict[int, list[Series]] = defaultdict(list)
            for item in dict.fromkeys(item for item in series if item.slot < 0):
                partitions[item.partition].append(item)
            blocks = await asyncio.gather(*(self._store.read(p, s) for p, s in partitions.items()))
            for items, stored in zip(partitions.values(), blocks, strict=True):
                for item, block in zip(items, stored, strict=True):
                    self._working_set.fill(item, block)
            begun = self._working_set.begin(series)
        return begun.slots, begun.distinct

    def _unarrived(
        self, group: Group, pending: Sequence[int], unanswered: dict[Series, bytes]
    ) -> Sequence[int]:
        """Leave out the samples of commits whose answer was lost but which did arrive.

        Their verdicts stand. Without this they would be told to be duplicates of themselves.
        """
        arrived = {
            series
            for series, version in unanswered.items()
            if self._working_set.version(series) == version
        }
        unanswered.clear()
        return [i for i in pending if group.series[i] not in arrived]

    def _score(self, group: Group, pending: Sequence[int], slots: array[int]) -> dict[int, Writes]:
        """Score samples in place; returns what has changed, by partition."""
        working_set = self._working_set
        scores = score_group(
            working_set.slab,
            working_set.layout,
            working_set.method,
            slots,
            array("d", _pick(group.times, pending)),
            array("d", _pick(group.values, pending)),
            self.rules,
            working_set.ruled,
        )
        if len(pending) == len(group.series):
            group.verdicts = adopt(scores)
        else:
            merge(group.verdicts, pending, scores)
        changed = working_set.writes(scores.changes)
        for i, event in self._events(group, pending, scores):
            position = pending[i]
            rows, writes = changed[group.series[position].partition]
            writes.anomalies.append((rows.index(scores.rows[i]), event))
            if event.kind is Kind.RAISED:
                group.verdicts.anomalies[position] = event
        return {partition: writes for partition, (_, writes) in changed.items()}

    def _events(
        self, group: Group, pending: Sequence[int], scores: Scores
    ) -> list[tuple[int, Anomaly]]:
        """What to tell, with the sample in `pending` that it comes from, in the order of these."""
        events = [
            (ended.position, recovery(scores, ended, self._context(group, pending[ended.position])))
            for ended in scores.ended
        ]
        events += (
            (i, anomaly(scores, i, raised, self._context(group, pending[i])))
            for i, raised in scores.raised.items()
            if pending[i] not in group.history
        )
        # The sort is stable: of one sample, the end of the last episode precedes what it begins.
        events.sort(key=itemgetter(0))
        return events

    def _context(self, group: Group, position: int) -> Context:
        """What events of a sample are told with."""
        series = group.series[position]
        return Context(
            series,
            group.times[position],
            group.values[position],
            self.rules.entries[self._working_set.ruled[series.slot] // 2],
            self._working_set.method,
            self._working_set.transform(series),
            self._working_set.span_seconds(series),
        )

    async def _write(
        self, partitions: dict[int, Writes], unanswered: dict[Series, bytes]
    ) -> tuple[set[Series], StoreUnavailable | None]:
        """Commit the writes; returns the series to repeat, and the failure if there was one."""
        now_ms = int(self._wall_clock() * 1000)
        answers: Sequence[list[int] | BaseException]
        if len(partitions) == 1:
            # As small groups often are; gathering takes a task, which costs more than all else.
            ((partition, writes),) = partitions.items()
            try:
                answers = [await self._store.commit(partition, writes, now_ms)]
            except StoreUnavailable as error:
                answers = [error]
        else:
            answers = await asyncio.gather(
                *(self._store.commit(p, writes, now_ms) for p, writes in partitions.items()),
                return_exceptions=True,
            )
        repeat: set[Series] = set()
        failure: StoreUnavailable | None = None
        for writes, answer in zip(partitions.values(), answers, strict=True):
            if isinstance(answer, StoreUnavailable):
                failure = answer
                for series in writes.series:
                    unanswered[series] = self._working_set.version(series)
                repeat.update(writes.series)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                repeat.update(writes.series[i] for i in answer)
        for series in repeat:
            self._working_set.forget(series)
        return repeat, failure

    def _report(self, group: Group, distinct: int, seconds: float) -> None:
        verdicts = group.verdicts
        codes = verdicts.codes
        duplicate, late = codes.count(Code.DUPLICATE), codes.count(Code.LATE)
        accepted = len(codes) - duplicate - late - codes.count(Code.CLOSED)
        self._observer.committed(
            Committed(
                series=distinct,
                seconds=seconds,
                accepted=accepted,
                duplicate=duplicate,
                late=late,
                scored=accepted - codes.count(Code.WARMING),
                outliers=codes.count(Code.OUTLIER),
                anomalies_by_family=Counter(event.family for event in verdicts.anomalies.values()),
            )
        )


async def _pause(seconds: float) -> None:
    """Wait about so long; jittered, so that pods that collided do not meet again."""
    await asyncio.sleep(seconds * random.uniform(0.5, 1.0))  # noqa: S311  # no secret depends on it


_Item = TypeVar("_Item")


def _pick(column: list[_Item], positions: Sequence[int]) -> list[_Item]:
    """The items of a column at some positions; the column itself if that is all of them."""
    if len(positions) == len(column):
        return column
    return [column[i] for i in positions]
