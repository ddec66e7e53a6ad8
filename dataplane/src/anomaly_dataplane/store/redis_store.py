"""The store in Redis >= 7 or Valkey: a single primary or a Cluster.

`connect.py` makes one. Topology, retries after MOVED and the like are redis-py's; here are the
commands, the Function's loading, and the one place where redis errors become StoreUnavailable.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TimeoutError,
)

from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.observer import Observer
from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.series import Series
from anomaly_dataplane.store import SeriesWrite, Totals, wire
from anomaly_dataplane.store.keys import Keys
from anomaly_dataplane.store.link import Argument, Link

_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (AuthenticationError, "auth"),
    (NoPermissionError, "permission"),
    (OutOfMemoryError, "out_of_memory"),
    (ReadOnlyError, "read_only"),
    (BusyLoadingError, "loading"),
    (ClusterDownError, "cluster_down"),
    (RedisClusterException, "cluster_down"),
    (TimeoutError, "timeout"),
    (ConnectionError, "connection"),
    (OSError, "connection"),
)


Address = tuple[str, int]


class RedisStore:
    """A Store over a redis-py client."""

    def __init__(
        self,
        client: Redis | RedisCluster,
        address: Address,
        link: Callable[[str, int], Link],
        keys: Keys,
        partitions: int,
        observer: Observer,
    ) -> None:
        self._client = client
        self._address = address
        self._link = link
        self._links: dict[Address, Link] = {}
        self._keys = keys
        self._partitions = range(partitions)
        self._observer = observer

    async def read(self, partition: int, series: Sequence[Series]) -> list[bytes | None]:
        keys = [self._keys.state(item) for item in series]
        blocks: list[bytes | None] = await self._call(self._hot(keys[0], "MGET", *keys))
        return blocks

    async def commit(self, partition: int, writes: Sequence[SeriesWrite], now_ms: int) -> list[int]:
        keys, args = wire.encode(self._keys, partition, writes, now_ms)
        return wire.refused(await self._call(self._function(keys, args)))

    async def totals(self) -> Totals:
        counters = await self._each_partition(lambda p: self._client.hgetall(self._keys.totals(p)))
        series = await self._each_partition(lambda p: self._client.hlen(self._keys.names(p)))

        def total(name: bytes) -> int:
            return sum(int(counter.get(name, 0)) for counter in counters)

        return Totals(
            samples=total(b"samples"),
            outliers=total(b"outliers"),
            anomalies=total(b"anomalies"),
            series=sum(series),
            last_sample_ms=max(int(counter.get(b"last_sample_ms", 0)) for counter in counters),
        )

    async def anomalies(self, since_ms: int, limit: int) -> list[Anomaly]:
        # A stream's ids start with the time of the commit, so newest first is their order.
        streams = await self._each_partition(
            lambda p: self._client.xrevrange(self._keys.outbox(p), "+", str(since_ms), count=limit)
        )
        newest = heapq.merge(*streams, key=lambda entry: _order(entry[0]), reverse=True)
        return [wire.anomaly(fields[b"anomaly"]) for _, fields in islice(newest, limit)]

    async def lanes(self) -> Sequence[int]:
        async def address_of(partition: int) -> object:
            return await self._address_of(self._keys.totals(partition))

        addresses = await self._each_partition(address_of)
        numbers = {address: i for i, address in enumerate(dict.fromkeys(addresses))}
        return [numbers[address] for address in addresses]

    async def ping(self) -> None:
        # A key of every partition: of a Cluster, each of its slots must be served.
        await self._each_partition(lambda p: self._client.exists(self._keys.totals(p)))

    async def aclose(self) -> None:
        for link in self._links.values():
            link.close()
        await self._client.aclose()

    async def _function(self, keys: list[bytes], args: list[Argument]) -> Any:
        """Call the Function, loading it where it is missing (a new primary, a flushed one)."""
        command = ("FCALL", wire.FUNCTION, len(keys), *keys, *args)
        try:
            return await self._hot(keys[0], *command)
        except ResponseError as error:
            if "Function not found" not in str(error):
                raise
        await self._load_function()
        return await self._hot(keys[0], *command)

    async def _hot(self, key: bytes, *command: Argument) -> Any:
        """A command of the hot path, whose first key says where it goes.

        An error reply is put to redis-py again: it follows redirections, learns the new topology
        and names errors. Repeating is safe, since a commit compares before it sets.
        """
        host, port = address = await self._address_of(key)
        link = self._links.get(address)
        if link is None:
            link = self._links[address] = self._link(host, port)
        try:
            return await link.call(*command)
        except ResponseError as error:
            if "Function not found" in str(error):
                raise
        return await self._patiently(key, *command)

    async def _address_of(self, key: bytes) -> Address:
        if not isinstance(self._client, RedisCluster):
            return self._address
        await self._client.initialize()
        node = self._client.get_node_from_key(key.decode())
        if node is None:
            raise ClusterDownError("no node serves the slot")
        return node.host, int(node.port)

    async def _patiently(self, key: bytes, *command: Argument) -> Any:
        options = {}
        if isinstance(self._client, RedisCluster):
            # Without a node redis-py asks the server, with all arguments, which are the keys.
            options["target_nodes"] = self._client.get_node_from_key(key.decode())
        return await self._client.execute_command(*command, **options)

    async def _load_function(self) -> None:
        options = {}
        if isinstance(self._client, RedisCluster):
            options["target_nodes"] = RedisCluster.PRIMARIES
        await self._client.execute_command("FUNCTION LOAD", "REPLACE", wire.SOURCE, **options)

    async def _each_partition(self, command: Callable[[int], Awaitable[Any]]) -> list[Any]:
        async def run(partition: int) -> object:
            return await command(partition)

        answers: list[Any] = await self._call(asyncio.gather(*(run(p) for p in self._partitions)))
        return answers

    async def _call(self, answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        except (RedisError, RedisClusterException, OSError) as error:
            kind = next((word for of, word in _KINDS if isinstance(error, of)), "other")
            self._observer.store_failed(kind)
            raise StoreUnavailable(f"Redis: {kind}: {error}") from error


def _order(entry_id: bytes) -> tuple[int, int]:
    """A stream entry's id as numbers."""
    milliseconds, sequence = entry_id.split(b"-")
    return int(milliseconds), int(sequence)
