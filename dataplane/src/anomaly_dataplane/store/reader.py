"""What queries read beside the state: names of series, the outbox, what people said of anomalies.

One protocol, for Redis and for the store in process. `queries/` uses it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import msgspec

from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.series import Series
from anomaly_dataplane.store import wire
from anomaly_dataplane.store.keys import FEEDBACK_LENGTH, Keys
from anomaly_dataplane.store.link import pack
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.store.redis_store import RedisStore

Entry = tuple[int, int]
"""Id of an outbox entry: Unix milliseconds of the commit, and a number within."""

Event = tuple[Entry, Anomaly | None]
"""An entry of the outbox; None where it cannot be read, as one of a newer version may be."""


class _Name(msgspec.Struct):
    metric: str
    labels: dict[str, str]


_name = msgspec.json.Decoder(_Name)


class Reader(Protocol):
    """Raises StoreUnavailable where it cannot answer."""

    @property
    def partitions(self) -> int:
        """How many there are."""
        ...

    async def series(self, identity: str) -> Series | None:
        """The series with this id, None if there is none."""
        ...

    async def page(self, partition: int, cursor: int, count: int) -> tuple[int, list[Series]]:
        """About so many series of a partition, and where to go on; 0 at the end."""
        ...

    async def after(self, partition: int, entry: Entry, count: int) -> list[Event]:
        """Events of the outbox behind an entry, oldest first."""
        ...

    async def before(self, partition: int, entry: Entry, since_ms: int, count: int) -> list[Event]:
        """Events of the outbox up to an entry, this one included, newest first."""
        ...

    async def labels(self, partition: int) -> dict[str, bytes]:
        """By anomaly, what people said of it."""
        ...

    async def label(self, partition: int, anomaly: str, said: bytes | None) -> bool:
        """Keep what somebody said of an anomaly, or None to forget it, and write it to the audit.

        Returns:
            Whether that changes anything: False if something is there already, or nothing is.
        """
        ...


class RedisReader:
    """A Reader over the store's links."""

    def __init__(self, store: RedisStore, keys: Keys, partitions: int) -> None:
        self._store = store
        self._keys = keys
        self._partitions = partitions

    @property
    def partitions(self) -> int:
        return self._partitions

    async def series(self, identity: str) -> Series | None:
        partition = int(identity[:8], 16) % self._partitions
        name = await self._store.ask(partition, pack("HGET", self._keys.names(partition), identity))
        return None if name is None else self._series(name)

    async def page(self, partition: int, cursor: int, count: int) -> tuple[int, list[Series]]:
        request = pack("HSCAN", self._keys.names(partition), cursor, "COUNT", count)
        following, flat = await self._store.ask(partition, request)
        return int(following), [self._series(name) for name in flat[1::2]]

    async def after(self, partition: int, entry: Entry, count: int) -> list[Event]:
        start = "({}-{}".format(*entry)
        request = pack("XRANGE", self._keys.outbox(partition), start, "+", "COUNT", count)
        return _events(await self._store.ask(partition, request))

    async def before(self, partition: int, entry: Entry, since_ms: int, count: int) -> list[Event]:
        outbox, end = self._keys.outbox(partition), "{}-{}".format(*entry)
        request = pack("XREVRANGE", outbox, end, since_ms, "COUNT", count)
        return _events(await self._store.ask(partition, request))

    async def labels(self, partition: int) -> dict[str, bytes]:
        flat = await self._store.ask(partition, pack("HGETALL", self._keys.feedback(partition)))
        return {k.decode(): v for k, v in zip(flat[::2], flat[1::2], strict=True)}

    async def label(self, partition: int, anomaly: str, said: bytes | None) -> bool:
        key = self._keys.feedback(partition)
        request = pack("HDEL", key, anomaly) if said is None else pack("HSETNX", key, anomaly, said)
        if not await self._store.ask(partition, request):
            return False
        audit = self._keys.feedback_audit(partition)
        fields = ("anomaly", anomaly, "said", said or b"withdrawn")
        await self._store.ask(
            partition, pack("XADD", audit, "MAXLEN", "~", FEEDBACK_LENGTH, "*", *fields)
        )
        return True

    def _series(self, name: bytes) -> Series:
        known = _name.decode(name)
        return Series(known.metric, known.labels, self._partitions)


class MemoryReader:
    """A Reader of the store in process, which is one partition to it."""

    partitions = 1

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._labels: dict[str, bytes] = {}
        self.audit: list[tuple[float, str, bytes]] = []

    async def series(self, identity: str) -> Series | None:
        return self._store.series.get(identity)

    async def page(self, partition: int, cursor: int, count: int) -> tuple[int, list[Series]]:
        known = list(self._store.series.values())
        end = cursor + count
        return (end if end < len(known) else 0), known[cursor:end]

    async def after(self, partition: int, entry: Entry, count: int) -> list[Event]:
        return [found for found in self._events() if found[0] > entry][:count]

    async def before(self, partition: int, entry: Entry, since_ms: int, count: int) -> list[Event]:
        events = self._events()[::-1]
        return [found for found in events if (since_ms, 0) <= found[0] <= entry][:count]

    async def labels(self, partition: int) -> dict[str, bytes]:
        return dict(self._labels)

    async def label(self, partition: int, anomaly: str, said: bytes | None) -> bool:
        if (said is None) is not (anomaly in self._labels):
            return False
        if said is None:
            del self._labels[anomaly]
        else:
            self._labels[anomaly] = said
        self.audit.append((time.time(), anomaly, said or b"withdrawn"))
        return True

    def _events(self) -> list[Event]:
        return [((at_ms, i), event) for i, (at_ms, event) in enumerate(self._store.outbox)]


def _events(entries: Sequence[tuple[bytes, list[bytes]]]) -> list[Event]:
    found: list[Event] = []
    for entry, fields in entries:
        milliseconds, sequence = entry.split(b"-")
        found.append(((int(milliseconds), int(sequence)), wire.readable(fields[1])))
    return found
