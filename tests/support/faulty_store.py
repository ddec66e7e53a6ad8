"""A store that goes wrong on demand, for faults that a real Redis cannot produce to order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.series import Series
from anomaly_dataplane.store import SeriesWrite, Store, Totals


class Fault(StrEnum):
    NONE = "none"
    BEFORE = "before"  # fails, nothing done
    LOST_REPLY = "lost reply"  # done, but the caller is told that it failed
    SLOW = "slow"  # others get their turn first


class FaultyStore:
    """Passes calls on to `store`, spoiling one after the other as `faults` says, then none."""

    def __init__(self, store: Store, faults: Sequence[Fault] = ()) -> None:
        self.store = store
        self.faults = list(faults)
        self.calls = 0

    async def _before(self) -> Fault:
        self.calls += 1
        fault = self.faults.pop(0) if self.faults else Fault.NONE
        await asyncio.sleep(0)
        if fault is Fault.SLOW:
            for _ in range(5):
                await asyncio.sleep(0)
        if fault is Fault.BEFORE:
            raise StoreUnavailable("refused")
        return fault

    async def read(self, partition: int, series: Sequence[Series]) -> list[bytes | None]:
        await self._before()
        return await self.store.read(partition, series)

    async def commit(self, partition: int, writes: Sequence[SeriesWrite], now_ms: int) -> list[int]:
        fault = await self._before()
        refused = await self.store.commit(partition, writes, now_ms)
        if fault is Fault.LOST_REPLY:
            raise StoreUnavailable("the reply was lost")
        return refused

    async def totals(self) -> Totals:
        await self._before()
        return await self.store.totals()

    async def anomalies(self, since_ms: int, limit: int) -> list[Anomaly]:
        await self._before()
        return await self.store.anomalies(since_ms, limit)

    async def lanes(self) -> Sequence[int]:
        return await self.store.lanes()

    async def ping(self) -> None:
        await self._before()

    async def aclose(self) -> None:
        await self.store.aclose()
