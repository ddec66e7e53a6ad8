"""The ledger in Redis: beside the outbox, in the partition's own hash slot.

Every step is one call of a Function of `store/alerting.lua`, through the store's links, so that
redirections, failovers and a missing library are the store's business here too.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from anomaly_dataplane.alerting.ledger import LEASE_MS, MOST_TAKEN, Change, Changed, Taken
from anomaly_dataplane.store.keys import (
    ALERT_QUEUE_LENGTH,
    DEAD_LETTERS,
    OUTBOX_HISTORY,
    STATE_TTL_MS,
    Keys,
)
from anomaly_dataplane.store.link import Argument, pack
from anomaly_dataplane.store.redis_store import RedisStore

GROUP = "alerting"
_PREFIX = "anomaly_pipeline_alerting_2_"
_SCANNED = 1000


def this_pod() -> str:
    """A name for a holder of leases: no other process has had it, nor will have it."""
    return f"{socket.gethostname()}-{os.getpid()}-{os.urandom(4).hex()}"


class RedisLedger:
    """A Ledger over the store of the pipeline.

    Args:
        store: whose links are used.
        keys: of this pipeline.
        partitions: how many there are.
        me: who holds what this ledger takes.
        lease_ms: see LEASE_MS.
    """

    def __init__(
        self,
        store: RedisStore,
        keys: Keys,
        partitions: int,
        me: str = "",
        lease_ms: int = LEASE_MS,
    ) -> None:
        self._store = store
        self._keys = keys
        self._partitions = partitions
        self._me = me or this_pod()
        self._lease_ms = lease_ms

    @property
    def partitions(self) -> int:
        return self._partitions

    async def take(self, partition: int) -> Taken:
        keys = [
            self._keys.lease(partition),
            self._keys.outbox(partition),
            self._keys.alerts(partition),
        ]
        holder, revision, entries, lost = await self._function(
            "take", partition, keys, self._me, self._lease_ms, GROUP, MOST_TAKEN, OUTBOX_HISTORY
        )
        if holder.decode() != self._me:
            return Taken(held=False)
        # A pending entry that was trimmed has no fields; Redis 7 leaves it out by itself.
        found = [(entry.decode(), fields[1]) for entry, fields in entries if fields]
        return Taken(True, int(revision), found, int(lost))

    async def change(self, partition: int, change: Change) -> Changed:
        receivers = sorted({receiver for receiver, _ in change.notices})
        keys = [
            self._keys.lease(partition),
            self._keys.outbox(partition),
            self._keys.alerts(partition),
            self._keys.dead_letters(partition),
            *(self._keys.queue(partition, receiver) for receiver in receivers),
        ]
        arguments: list[Argument] = [
            self._me,
            change.revision,
            GROUP,
            OUTBOX_HISTORY,
            ALERT_QUEUE_LENGTH,
            DEAD_LETTERS,
            STATE_TTL_MS,
            len(change.handled),
            len(change.alerts),
            *change.handled,
        ]
        for key, alert in change.alerts.items():
            arguments += [key, alert or b""]
        for receiver, payload in change.notices:
            arguments += [receivers.index(receiver) + 1, payload]
        done, full = await self._function("change", partition, keys, *arguments)
        return Changed(bool(done), {to: n for to, n in zip(receivers, full, strict=False) if n})

    async def release(self, partition: int) -> None:
        await self._function("release", partition, [self._keys.lease(partition)], self._me)

    async def alerts(self, partition: int) -> tuple[int, dict[str, bytes]]:
        flat = await self._store.ask(partition, pack("HGETALL", self._keys.alerts(partition)))
        stored = {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
        return int(stored.pop("revision", 0)), stored

    async def queued(
        self, partition: int, receiver: str, count: int, after: str = ""
    ) -> list[tuple[str, bytes]]:
        queue, start = self._keys.queue(partition, receiver), f"({after}" if after else "-"
        found = await self._store.ask(partition, pack("XRANGE", queue, start, "+", "COUNT", count))
        return [(entry.decode(), fields[1]) for entry, fields in found]

    async def settle(self, partition: int, receiver: str, entry: str, dead: bytes | None) -> None:
        keys = [self._keys.queue(partition, receiver), self._keys.dead_letters(partition)]
        await self._function("settle", partition, keys, entry, dead or b"", DEAD_LETTERS)

    async def group_sizes(self, label: str) -> Mapping[str, int]:
        sizes: Counter[str] = Counter()
        for partition in range(self._partitions):
            cursor: object = 0
            while True:
                names = self._keys.names(partition)
                request = pack("HSCAN", names, cursor, "COUNT", _SCANNED)  # type: ignore[arg-type]
                cursor, flat = await self._store.ask(partition, request)
                for name in flat[1::2]:
                    value = msgspec.json.decode(name)["labels"].get(label)
                    if value is not None:
                        sizes[value] += 1
                if cursor == b"0":
                    break
        return sizes

    async def _function(
        self, name: str, partition: int, keys: list[bytes], *arguments: Argument
    ) -> Any:
        request = pack("FCALL", _PREFIX + name, len(keys), *keys, *arguments)
        return await self._store.ask(partition, request)
