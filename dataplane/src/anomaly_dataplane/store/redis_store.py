"""The store in Redis >= 7 or Valkey: one server, a primary under Sentinel, or a Cluster.

`connect.py` makes one. Every command on data is one packed request to the primary of a partition,
sent by a link; all keys of a partition have one hash tag, so it has one primary. Here are the
requests, the loading of the Function, what is done about redirections and failovers, and the one
place where errors of Redis become StoreUnavailable.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.observer import Observer
from anomaly_dataplane.sample import Anomaly, Kind
from anomaly_dataplane.series import Series
from anomaly_dataplane.store import Totals, Writes, wire
from anomaly_dataplane.store.faults import Fault, Remedy, fault_of
from anomaly_dataplane.store.keys import Keys
from anomaly_dataplane.store.link import Address, Link, pack
from anomaly_dataplane.store.redis_errors import ConnectionError, RedisError, ResponseError
from anomaly_dataplane.store.servers import Servers

PATIENCE_SECONDS = 4.0
"""How long after a partition's first failure its requests are tried again, over all of them.

A bound of the outage, not of the call: of a Redis that stays away each later request fails at its
first try. So the tries of `commit.py`, which come on top, do not multiply these.
"""

FIRST_PAUSE_SECONDS = 0.03
"""Before the first further try; doubled after each, up to the longest, and jittered."""

LONGEST_PAUSE_SECONDS = 0.4

REDIRECTIONS = 5
"""Followed at once; more of them are a topology in flux, which is waited for."""

_LIBRARIES = tuple(
    pack("FUNCTION", "LOAD", "REPLACE", source) for source in (wire.SOURCE, wire.ALERTING_SOURCE)
)

FOLLOWED = frozenset({Remedy.MOVE, Remedy.ASK, Remedy.LOAD})

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Target:
    """Where the next try of a request goes.

    Attributes:
        link: None for the partition's primary, wherever it may be by then.
        asking: whether the server only takes requests for this slot that ask it to.
        followed: redirections and the like since the primary was looked for.
    """

    link: Link | None
    asking: bool = False
    followed: int = 0


class RedisStore:
    """A Store over the links to a pipeline's primaries.

    Args:
        servers: says where each partition's primary is.
        link: makes the connection to one server.
        keys: of this pipeline.
        partitions: how many there are.
        observer: is told of failed requests.
        replicas: that must have what was committed before it is answered.
        patience_seconds: see PATIENCE_SECONDS.
    """

    def __init__(
        self,
        servers: Servers,
        link: Callable[[str, int], Link],
        keys: Keys,
        partitions: int,
        observer: Observer,
        *,
        replicas: int = 0,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._servers = servers
        self._link = link
        self._links: dict[Address, Link] = {}
        self._primaries: list[Link | None] = [None] * partitions
        self._failing_since: list[float | None] = [None] * partitions
        self._locating = asyncio.Lock()
        self._loading: dict[Link, asyncio.Task[RedisError | None]] = {}
        self._keys = keys
        self._observer = observer
        self._replicas = replicas
        self._patience_seconds = patience_seconds

    async def read(self, partition: int, series: Sequence[Series]) -> list[bytes | None]:
        request = pack("MGET", *(self._keys.state(item) for item in series))
        # After a commit that too few replicas had this tells whether they have it by now.
        replicas = self._replicas
        blocks: list[bytes | None] = await self._hot(partition, request, replicas=replicas)
        return blocks

    async def commit(self, partition: int, writes: Writes, now_ms: int) -> list[int]:
        request = wire.request(self._keys, partition, writes, now_ms)
        replicas = self._replicas
        return wire.refused(
            await self._hot(partition, request, repeatable=False, replicas=replicas)
        )

    async def totals(self) -> Totals:
        hashes = await self._each_partition(lambda p: pack("HGETALL", self._keys.totals(p)))
        series = await self._each_partition(lambda p: pack("HLEN", self._keys.names(p)))
        counters = [_pairs(flat) for flat in hashes]

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
        # A stream's ids start with the time of the commit, so newest first is their order. Each
        # episode that began has one end, so twice as many events nearly always hold enough.
        streams = await self._each_partition(
            lambda p: pack("XREVRANGE", self._keys.outbox(p), "+", since_ms, "COUNT", 2 * limit)
        )
        newest = heapq.merge(*streams, key=lambda entry: _order(entry[0]), reverse=True)
        events = (wire.readable(_pairs(fields)[b"anomaly"]) for _, fields in newest)
        raised = (event for event in events if event is not None and event.kind is Kind.RAISED)
        return list(islice(raised, limit))

    async def lanes(self) -> Sequence[int]:
        try:
            async with self._locating:
                await self._locate()
        except RedisError as error:
            fault = fault_of(error)
            self._observer.store_failed(fault.kind)
            raise _unavailable(error, fault, None) from error
        addresses = [link and link.address for link in self._primaries]
        numbers = {address: i for i, address in enumerate(dict.fromkeys(addresses))}
        return [numbers[address] for address in addresses]

    async def ask(self, partition: int, request: bytes, *, patient: bool = False) -> Any:
        """The reply to one packed request that may be made twice, by one try unless `patient`.

        Raises:
            StoreUnavailable: whether it was done, nobody knows.
        """
        return await self._hot(partition, request, patient=patient)

    async def ping(self) -> None:
        # A commit of nothing: Redis refuses it for every reason for which it would refuse one.
        await self._each_partition(self._empty_commit, replicas=self._replicas)

    async def aclose(self) -> None:
        for link in self._links.values():
            link.close()

    def _empty_commit(self, partition: int) -> bytes:
        return wire.request(self._keys, partition, Writes.of(()), 0)

    async def _each_partition(
        self, request: Callable[[int], bytes], *, replicas: int = 0
    ) -> list[Any]:
        """Replies of all partitions, by one try each: who asks for them asks again."""
        calls = (
            self._hot(p, request(p), patient=False, replicas=replicas)
            for p in range(len(self._primaries))
        )
        return await _all(calls)

    async def _hot(
        self,
        partition: int,
        request: bytes,
        *,
        repeatable: bool = True,
        patient: bool = True,
        replicas: int = 0,
    ) -> Any:
        """The reply to one packed request to a partition's primary.

        Args:
            partition: where the request's keys are.
            request: a whole command in Redis' protocol.
            repeatable: whether it may be sent again when nobody knows if it was done. Not so for a
                commit: refused because it had been done, it would look like another pod's doing.
            patient: whether to wait for a failover.
            replicas: that must have it.

        Raises:
            StoreUnavailable: within the bound of PATIENCE_SECONDS nobody took it.
        """
        link = self._primaries[partition]
        if link is None or self._failing_since[partition] is not None:
            return await self._insist(partition, request, None, repeatable, patient, replicas)
        try:
            return await link.call(request, replicas=replicas)
        except RedisError as error:
            return await self._insist(partition, request, error, repeatable, patient, replicas)

    async def _insist(
        self,
        partition: int,
        request: bytes,
        error: RedisError | None,
        repeatable: bool,
        patient: bool,
        replicas: int,
    ) -> Any:
        """Send a request again as long as there is hope; `error` is how its first try ended."""
        clock = asyncio.get_running_loop().time
        target = _Target(self._primaries[partition])
        pause = FIRST_PAUSE_SECONDS
        began = clock()
        while True:
            if error is None:
                try:
                    return await self._try(partition, request, target, replicas)
                except RedisError as failed:
                    error = failed
            fault = fault_of(error)
            if fault.remedy in FOLLOWED and target.link and target.followed < REDIRECTIONS:
                error = await self._follow(partition, fault, target, target.link)
                continue
            since = self._failing_since[partition] = self._failing_since[partition] or began
            self._observer.store_failed(fault.kind)
            if fault.remedy is not Remedy.NONE or isinstance(error, ConnectionError):
                self._forget(partition, target.link)
            # Without a link it was the search for the primary that failed.
            unknown_fate = fault.unknown_fate and target.link is not None
            hopeless = fault.remedy is Remedy.NONE or (unknown_fate and not repeatable)
            late = not patient or clock() + pause > since + self._patience_seconds
            if hopeless or late:
                raise _unavailable(error, fault, target.link) from error
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # jitter
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            target, error = _Target(None), None

    async def _try(self, partition: int, request: bytes, target: _Target, replicas: int) -> object:
        link = target.link
        if link is None:
            link = target.link = await self._primary(partition)
        reply = await link.call(request, asking=target.asking, replicas=replicas)
        self._failing_since[partition] = None
        return reply

    async def _follow(
        self, partition: int, fault: Fault, target: _Target, link: Link
    ) -> RedisError | None:
        """Do at once what a server asked for; returns how that failed, if it did."""
        target.followed += 1
        if fault.address is None:
            return await self._load(link)
        target.asking = fault.remedy is Remedy.ASK
        target.link = self._link_to(fault.address, link)
        if not target.asking:
            self._primaries[partition] = target.link
        return None

    async def _load(self, link: Link) -> RedisError | None:
        """Load the Functions, once for all requests that missed them at the same time."""
        loading = self._loading.get(link)
        if loading is None:
            loading = self._loading[link] = asyncio.create_task(self._load_to(link))
            loading.add_done_callback(lambda _: self._loading.pop(link))
        return await asyncio.shield(loading)

    async def _load_to(self, link: Link) -> RedisError | None:
        """Load the Functions. Several pods may do so at once: they are the same."""
        try:
            for library in _LIBRARIES:
                await link.call(library)
        except RedisError as error:
            return error
        logger.info("loaded the Functions on %s:%d", *link.address)
        return None

    async def _primary(self, partition: int) -> Link:
        """The link to a partition's primary, found anew if nobody else just did."""
        async with self._locating:
            link = self._primaries[partition]
            if link is None:
                await self._locate()
                link = self._primaries[partition]
        if link is None:
            raise ResponseError(f"CLUSTERDOWN no node serves the slot of partition {partition}")
        return link

    async def _locate(self) -> None:
        """Take over where all primaries are now."""
        addresses = await self._servers.locate()
        before = set(self._links)
        self._primaries = [address and self._link_to(address) for address in addresses]
        current = {address for address in addresses if address is not None}
        for address in sorted(current - before):
            logger.info("found a primary at %s:%d", *address)
        for address in [a for a, link in self._links.items() if a not in current and link.idle]:
            del self._links[address]

    def _link_to(self, address: Address, redirected_by: Link | None = None) -> Link:
        host, port = address
        if not host and redirected_by is not None:
            host = redirected_by.address[0]
        link = self._links.get((host, port))
        if link is None:
            link = self._links[host, port] = self._link(host, port)
        return link

    def _forget(self, partition: int, link: Link | None) -> None:
        """Have the primary looked for, unless somebody did since."""
        if self._primaries[partition] is link:
            self._primaries[partition] = None


def _unavailable(error: Exception, fault: Fault, link: Link | None) -> StoreUnavailable:
    where = "{}:{}: ".format(*link.address) if link is not None else ""
    advice = f"; {fault.advice}" if fault.advice else ""
    return StoreUnavailable(f"Redis: {fault.kind}: {where}{error}{advice}")


async def _all(calls: Iterable[Awaitable[Any]]) -> list[Any]:
    """All results, or the first error once every call has ended."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def _pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """A hash or a stream's entry, which Redis sends as a flat list."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _order(entry_id: bytes) -> tuple[int, int]:
    """A stream entry's id as numbers."""
    milliseconds, sequence = entry_id.split(b"-")
    return int(milliseconds), int(sequence)
