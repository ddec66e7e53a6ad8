"""Removes every key of a pipeline from Redis, for `anomaly-dataplane purge`.

A pipeline's keys are those of its hash tags, whatever they hold, so nothing is missed that a later
version adds. SCAN and UNLINK go in bounded steps: Redis serves its other users in between. What is
gone stays gone, so it may be begun anew at any point.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

from anomaly_dataplane.store import redis_errors as exceptions
from anomaly_dataplane.store.faults import Remedy, fault_of
from anomaly_dataplane.store.link import Address, Link, pack
from anomaly_dataplane.store.servers import Servers

STEP = 1000
"""Keys that one SCAN looks at, about: well under a millisecond of Redis."""
BATCH = 200
"""Keys of one UNLINK at most."""
PAUSE_SECONDS = 0.5
"""Between two tries after a fault that may pass."""
_GLOB = re.compile(r"([\\*?\[\]])")


@dataclass(slots=True)
class Purged:
    """What was removed; with `dry_run`, what would have been."""

    keys: Counter[str] = field(default_factory=Counter)
    """Number of keys by what they hold."""
    servers: set[Address] = field(default_factory=set)

    @property
    def total(self) -> int:
        return self.keys.total()


class Purge:
    """Goes through the primaries until none has a key of the pipeline.

    Args:
        servers: where the partitions' primaries are.
        link: opens a connection to one of them.
        uid: of the pipeline.
        seconds: after which a fault that may pass is given up, counted from the last success.
        clock: seconds, of an unknown start.
    """

    def __init__(
        self,
        servers: Servers,
        link: Callable[[str, int], Link],
        uid: str,
        *,
        seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._servers = servers
        self._link = link
        self._uid = uid
        self._seconds = seconds
        self._clock = clock

    async def run(self, *, dry_run: bool = False) -> Purged:
        """Remove the keys, and look once more after each round that found some.

        Raises:
            RedisError: Redis was not there for too long, or refuses.
        """
        purged = Purged()
        since = self._clock()
        while True:
            before = purged.total
            counted = Purged() if dry_run else purged  # a count that broke off begins anew
            try:
                await self._round(counted, dry_run)
            except exceptions.RedisError as error:
                if purged.total > before:
                    since = self._clock()
                gone = self._clock() - since > self._seconds
                if fault_of(error).remedy is Remedy.NONE or gone:
                    raise
                # Moved, failed over or still loading: the next round asks anew where it is.
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if dry_run or purged.total == before:
                return counted
            since = self._clock()

    async def _round(self, purged: Purged, dry_run: bool) -> None:
        located = await self._servers.locate()
        if None in located:
            raise exceptions.ConnectionError("a partition has no primary just now")
        for address in dict.fromkeys(each for each in located if each is not None):
            link = self._link(*address)
            try:
                await self._server(link, purged, dry_run)
            finally:
                link.close()
            purged.servers.add(address)

    async def _server(self, link: Link, purged: Purged, dry_run: bool) -> None:
        seen: set[bytes] = set()
        async for found in self._scan(link):
            for batch in _of_one_slot(found):
                if dry_run:
                    fresh = [key for key in batch if key not in seen]  # SCAN may tell a key twice
                    seen.update(fresh)
                    purged.keys.update(_holds(key) for key in fresh)
                    continue
                removed = await link.call(pack("UNLINK", *batch))
                # Of those that were told twice, or expired meanwhile, nobody knows which.
                purged.keys.update([_holds(key) for key in batch][: int(str(removed))])

    async def _scan(self, link: Link) -> AsyncIterator[list[bytes]]:
        pattern = _GLOB.sub(r"\\\1", f"{{{self._uid}:") + "*"
        cursor = b"0"
        while True:
            reply = await link.call(pack("SCAN", cursor, "MATCH", pattern, "COUNT", STEP))
            if not isinstance(reply, list):
                raise exceptions.ResponseError(f"SCAN was answered by {reply!r}")
            cursor, keys = reply
            if keys:
                yield keys
            if cursor == b"0":
                return


def _of_one_slot(keys: Iterable[bytes]) -> list[list[bytes]]:
    """The keys by hash tag, as a Cluster wants them, no more than BATCH at once."""
    by_tag: dict[bytes, list[bytes]] = {}
    for key in keys:
        by_tag.setdefault(key.partition(b"}")[0], []).append(key)
    return [
        group[start : start + BATCH]
        for group in by_tag.values()
        for start in range(0, len(group), BATCH)
    ]


_KINDS = {"s": "series", "r": "receipts"}


def _holds(key: bytes) -> str:
    """What a key holds: `{uid:3}:s:...` a series, `{uid:3}:names` names."""
    word = key.partition(b"}:")[2].partition(b":")[0].decode(errors="replace")
    return _KINDS.get(word, word)
