"""A store whose commits wait for the test."""

from __future__ import annotations

import asyncio

from anomaly_dataplane.store import Writes
from anomaly_dataplane.store.memory_store import MemoryStore


class HeldStore(MemoryStore):
    """Commits wait until `gate` is set; `entered` says that one does."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.gate = asyncio.Event(), asyncio.Event()
        self.closed = False

    async def commit(self, partition: int, writes: Writes, now_ms: int) -> list[int]:
        self.entered.set()
        await self.gate.wait()
        return await super().commit(partition, writes, now_ms)

    async def aclose(self) -> None:
        self.closed = True
