"""What the sweep reads of a store: who sweeps a partition, and when its series last reported.

Only the scalars in front of a block are read, never its window. `sweep.py` uses it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import DOUBLE, JOURNAL
from anomaly_dataplane.store.keys import Keys
from anomaly_dataplane.store.link import pack
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.store.redis_store import RedisStore

HEAD_BYTES = DOUBLE * JOURNAL
"""The scalars of a block."""

_PAGE = 256


class Page(NamedTuple):
    """Some series of a partition.

    Attributes:
        cursor: where the next page starts; 0 after the last one.
        heads: each series and the scalars of its block, shorter where it has none.
    """

    cursor: int
    heads: Sequence[tuple[Series, bytes]]


class Register(Protocol):
    """The series of a pipeline. Every method raises StoreUnavailable where it cannot answer."""

    async def mine(self, partition: int, seconds: float) -> bool:
        """Whether this pod is the one to sweep a partition now, and for so long from now on."""
        ...

    async def page(self, partition: int, cursor: int) -> Page:
        """The next series; the first ones with cursor 0. Some may come twice."""
        ...


class RedisRegister:
    """The register of a pipeline in Redis, over the links of its store.

    Args:
        store: whose links are used.
        keys: of this pipeline.
        partitions: how many there are.
        me: a name that no other pod has.
    """

    def __init__(self, store: RedisStore, keys: Keys, partitions: int, me: str) -> None:
        self._store = store
        self._keys = keys
        self._partitions = partitions
        self._me = me.encode()

    async def mine(self, partition: int, seconds: float) -> bool:
        key, ask = self._keys.sweep(partition), self._store.ask
        lasting = ("PX", int(1000 * seconds))
        if await ask(partition, pack("SET", key, self._me, *lasting, "NX")) is not None:
            return True
        if await ask(partition, pack("GET", key)) != self._me:
            return False
        # Whoever took it in between sweeps too, which a commit's version check makes harmless.
        await ask(partition, pack("SET", key, self._me, *lasting))
        return True

    async def page(self, partition: int, cursor: int) -> Page:
        request = pack("HSCAN", self._keys.names(partition), cursor, "COUNT", _PAGE)
        following, flat = await self._store.ask(partition, request)
        series = [self._series(name) for name in flat[1::2]]
        heads = await asyncio.gather(*(self._head(partition, each) for each in series))
        return Page(int(following), list(zip(series, heads, strict=True)))

    async def _head(self, partition: int, series: Series) -> bytes:
        request = pack("GETRANGE", self._keys.state(series), 0, HEAD_BYTES - 1)
        head: bytes = await self._store.ask(partition, request)
        return head

    def _series(self, name: bytes) -> Series:
        known = msgspec.json.decode(name)
        return Series(known["metric"], known["labels"], self._partitions)


class MemoryRegister:
    """The register of a store in process."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def mine(self, partition: int, seconds: float) -> bool:
        return True

    async def page(self, partition: int, cursor: int) -> Page:
        series = [each for each in self._store.series.values() if each.partition == partition]
        blocks = await self._store.read(partition, series)
        heads = [(block or b"")[:HEAD_BYTES] for block in blocks]
        return Page(0, list(zip(series, heads, strict=True)))
