"""Raises an anomaly for each series that has been silent for longer than its rules allow.

`app.py` runs it in every pod; a lease a partition makes one of them do the work. That a silence
was told is a mark in the block, set by the commit that appends the event: it is told once, whoever
sweeps and whatever restarts. The kernel tells the end, with the next sample of the series.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import struct
import time
from collections.abc import Awaitable, Callable, Sequence

from anomaly_dataplane.contract.config import Method
from anomaly_dataplane.detectors.rules import TRANSFORMS, Rulebook, Rules
from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.observer import Observer, Unobserved
from anomaly_dataplane.sample import Anomaly, Kind, Side, Trigger
from anomaly_dataplane.series import Series
from anomaly_dataplane.silence.register import HEAD_BYTES, Register
from anomaly_dataplane.state.layout import (
    CLOSED_BIT,
    JOURNAL,
    LARGEST_COUNT,
    M2,
    MADE_BY,
    MADE_BY_MASK,
    MARKS,
    MEAN,
    NEWEST,
    RAW,
    SAME_SCALARS,
    SHAPE,
    STALE_BIT,
    VALID,
    VALID_MASK,
    VERSION,
    number_of,
)
from anomaly_dataplane.store import VERSION_BYTES, SeriesWrite, Store, Writes
from anomaly_dataplane.verdict import STALE_SUFFIX, event_id

SOONEST_SECONDS, LATEST_SECONDS = 1.0, 30.0
"""Between two sweeps: a quarter of the shortest silence that matters, within these."""

MOST_AT_ONCE = 256
"""Events that one commit takes."""

STALE_FAMILY = "stale"

_VERSION_BITS = 52  # exact in a float64, and never met before

logger = logging.getLogger(__name__)


class Sweep:
    """Looks for silent series, for ever.

    Args:
        register: what is known of the series.
        store: takes the events.
        book: the rules as they are now.
        method: of the pipeline, for events to name.
        partitions: how many there are.
        wall_clock: Unix time in seconds.
        observer: is told how many silences were told.
    """

    def __init__(
        self,
        register: Register,
        store: Store,
        book: Callable[[], Rulebook],
        method: Method,
        partitions: int,
        wall_clock: Callable[[], float] = time.time,
        observer: Observer | None = None,
    ) -> None:
        self._register = register
        self._store = store
        self._book = book
        self._method = method
        self._partitions = partitions
        self._wall_clock = wall_clock
        self._observer = observer or Unobserved()

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Sweep again and again. A store that does not answer is asked again next time."""
        while True:
            await sleep(self.pause_seconds)
            if self._book().stale_soonest_ms < LARGEST_COUNT:
                try:
                    await self.once()
                except StoreUnavailable as error:
                    logger.warning("no sweep for silent series: %s", error)

    @property
    def pause_seconds(self) -> float:
        """Between two sweeps."""
        quarter = self._book().stale_soonest_ms / 4000.0
        return min(max(quarter, SOONEST_SECONDS), LATEST_SECONDS)

    async def once(self) -> int:
        """Sweep the partitions that are this pod's; returns how many silences it told."""
        told = 0
        for partition in range(self._partitions):
            if await self._register.mine(partition, 3.0 * self.pause_seconds):
                told += await self._partition(partition)
        return told

    async def _partition(self, partition: int) -> int:
        told = cursor = 0
        while True:
            cursor, heads = await self._register.page(partition, cursor)
            rows = [row for series, head in heads if (row := self._row(series, head))]
            for first in range(0, len(rows), MOST_AT_ONCE):
                told += await self._tell(partition, rows[first : first + MOST_AT_ONCE])
            if not cursor:
                return told

    async def _tell(self, partition: int, rows: Sequence[SeriesWrite]) -> int:
        """Commit events and marks; a series that was refused has just reported."""
        # HSCAN may give a series twice, and a commit takes each once.
        once = list({row.series.id: row for row in rows}.values())
        now_ms = int(1000 * self._wall_clock())
        told = len(once) - len(await self._store.commit(partition, Writes.of(once), now_ms))
        if told:
            self._observer.anomalies(STALE_FAMILY, told)
        return told

    def _row(self, series: Series, head: bytes) -> SeriesWrite | None:
        """The mark and the event for a series that is silent for too long."""
        if len(head) < HEAD_BYTES:
            return None
        scalars = list(struct.unpack(f"<{JOURNAL}d", head))
        if (
            number_of(scalars[SHAPE]) not in SAME_SCALARS
            or not 0.0 <= scalars[MARKS] < LARGEST_COUNT
        ):
            return None
        book = self._book()
        rules = book.entries[book.row_of(series) // 2]
        marks = int(scalars[MARKS])
        silence_ms = 1000.0 * self._wall_clock() - scalars[NEWEST]
        if marks & (STALE_BIT | CLOSED_BIT) or silence_ms <= rules.stale_ms:
            return None
        event = self._event(series, scalars, rules, silence_ms)
        scalars[MARKS] = marks | STALE_BIT
        scalars[VERSION] = secrets.randbits(_VERSION_BITS) + 1
        written = struct.pack(f"<{JOURNAL}d", *scalars)
        return SeriesWrite(series, head[:VERSION_BYTES], [(0, written)], anomalies=[event])

    def _event(
        self, series: Series, scalars: Sequence[float], rules: Rules, silence_ms: float
    ) -> Anomaly:
        newest, marks = scalars[NEWEST], int(scalars[MARKS])
        valid = (marks >> VALID) & VALID_MASK
        name = event_id(series, newest) + STALE_SUFFIX
        mean, std = scalars[MEAN], (scalars[M2] / valid) ** 0.5 if valid else 0.0
        return Anomaly(
            id=name,
            kind=Kind.RAISED,
            metric=series.metric,
            labels=series.labels,
            time=newest + rules.stale_ms,
            value=scalars[RAW],
            score=silence_ms / rules.stale_ms,
            threshold=1.0,
            family=STALE_FAMILY,
            z=0.0,
            mean=mean,
            std=std,
            n=valid,
            expected=(mean - rules.threshold * std, mean + rules.threshold * std),
            direction=Side.NONE,
            method=self._method,
            trigger=Trigger.STALE,
            weight=1.0,
            transform=TRANSFORMS[(marks >> MADE_BY) & MADE_BY_MASK],
            rule=rules.name,
            episode=name,
            episode_start=newest,
        )
