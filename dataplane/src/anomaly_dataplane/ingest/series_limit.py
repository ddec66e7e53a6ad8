"""The bound on the number of series (`spec.ingest.maxSeries`): beyond it, new ones are refused.

`app.py` puts a `LimitedBuffer` between each protocol's intake and the workers. While there is room
it costs a look at a flag. How many series there are, Redis knows, for all pods together; each pod
asks now and then, so what is created meanwhile may exceed the bound.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection

from anomaly_dataplane.buffer import Buffer, Room
from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.sample import Batch, Verdicts
from anomaly_dataplane.series import Series
from anomaly_dataplane.store import Store

INTERVAL_SECONDS = 5.0
NEAR_SECONDS = 1.0
"""Between looks once nine tenths of the series are there."""
_NEAR = 0.9
_READ_AT_ONCE = 256

OVER_LIMIT = 255
"""In place of a `Code`: the sample was not taken, as its series would be one too many."""

logger = logging.getLogger(__name__)


class SeriesLimit:
    """Knows whether there is room for new series, and which series are none.

    Attributes:
        count: at the last look.
        full: whether new ones are refused.
    """

    def __init__(self, store: Store, max_series: int) -> None:
        self._store = store
        self.max_series = max_series
        self.count = 0
        self.full = False

    async def look(self) -> None:
        """Ask how many there are; while nobody answers, what was known stays."""
        try:
            self.count = (await self._store.totals()).series
        except StoreUnavailable:
            return
        full = self.count >= self.max_series
        if full and not self.full:
            logger.warning(
                "there are %d series, spec.ingest.maxSeries is %d: new ones are refused",
                self.count,
                self.max_series,
            )
        self.full = full

    def reason(self) -> str:
        """Why a sample of a new series is rejected."""
        return (
            f"this series is new, and there are {self.count} already (spec.ingest.maxSeries is "
            f"{self.max_series}); series that are known go on"
        )

    async def watch(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look for ever."""
        while True:
            await self.look()
            near = self.count >= _NEAR * self.max_series
            await sleep(NEAR_SECONDS if near else INTERVAL_SECONDS)

    async def absent(self, series: Collection[Series]) -> set[Series]:
        """Those that have no state yet.

        Raises:
            StoreUnavailable: nobody knows.
        """
        by_partition: dict[int, list[Series]] = defaultdict(list)
        for each in series:
            by_partition[each.partition].append(each)
        absent: set[Series] = set()
        for partition, own in by_partition.items():
            for start in range(0, len(own), _READ_AT_ONCE):
                part = own[start : start + _READ_AT_ONCE]
                blocks = await self._store.read(partition, part)
                absent.update(s for s, block in zip(part, blocks, strict=True) if block is None)
        return absent


class LimitedBuffer:
    """A buffer that, once there are enough series, leaves out samples of new ones: OVER_LIMIT.

    Args:
        buffer: where the others go.
        limit: knows which are new.
        room: of those about which the store is asked, which wait for that and not in the buffer.
    """

    def __init__(self, buffer: Buffer, limit: SeriesLimit, room: Room) -> None:
        self._buffer = buffer
        self._limit = limit
        self._room = room

    @property
    def samples(self) -> int:
        return self._buffer.samples

    @property
    def capacity_samples(self) -> int:
        return self._buffer.capacity_samples

    def offer(self, batch: Batch) -> asyncio.Future[Verdicts]:
        if self._limit.full:
            # What the pod has cached is there; all else must be asked for.
            unknown = {series for series in batch.series if series.slot < 0}
            if unknown:
                samples, size_bytes = len(batch), batch.size_bytes
                self._room.take(samples, size_bytes)
                asked = asyncio.ensure_future(self._limit.absent(unknown))
                asked.add_done_callback(lambda _: self._room.give_back(samples, size_bytes))
                return asyncio.ensure_future(self._narrowed(batch, asked))
        return self._buffer.offer(batch)

    async def _narrowed(self, batch: Batch, asked: asyncio.Future[set[Series]]) -> Verdicts:
        absent = await asked
        if not absent:
            return await self._buffer.offer(batch)
        kept = [i for i, series in enumerate(batch.series) if series not in absent]
        verdicts = Verdicts.empty(len(batch))
        verdicts.codes[:] = bytes([OVER_LIMIT]) * len(batch)
        if kept:
            part = await self._buffer.offer(
                batch.pick(kept, batch.size_bytes * len(kept) // len(batch))
            )
            verdicts.put(kept, part)
        return verdicts
