"""The ledger in process, beside the store in process. One pod holds everything."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import msgspec

from anomaly_dataplane.alerting.ledger import MOST_TAKEN, Change, Changed, Taken, dead_letter
from anomaly_dataplane.store.keys import ALERT_QUEUE_LENGTH, DEAD_LETTERS
from anomaly_dataplane.store.memory_store import MemoryStore


class MemoryLedger:
    """A Ledger of one partition over a MemoryStore."""

    partitions = 1

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._handled = 0
        self._entries = 0
        self._revision = 0
        self._alerts: dict[str, bytes] = {}
        self._queues: dict[str, dict[str, bytes]] = defaultdict(dict)
        self.dead_letters: list[bytes] = []

    async def take(self, partition: int) -> Taken:
        events = self._store.outbox[self._handled : self._handled + MOST_TAKEN]
        entries = [
            (f"{at_ms}-{self._handled + i}", msgspec.json.encode(event))
            for i, (at_ms, event) in enumerate(events)
        ]
        return Taken(True, self._revision, entries)

    async def change(self, partition: int, change: Change) -> Changed:
        if change.revision != self._revision:
            return Changed(False)
        self._revision += 1
        self._handled += len(change.handled)
        for key, alert in change.alerts.items():
            if alert is None:
                self._alerts.pop(key, None)
            else:
                self._alerts[key] = alert
        buried: Counter[str] = Counter()
        for receiver, payload in change.notices:
            if len(self._queues[receiver]) < ALERT_QUEUE_LENGTH:
                self._entries += 1
                self._queues[receiver][str(self._entries)] = payload
            else:
                self._bury(dead_letter(receiver, "its queue is full", payload))
                buried[receiver] += 1
        return Changed(True, buried)

    async def release(self, partition: int) -> None:
        return

    async def alerts(self, partition: int) -> tuple[int, dict[str, bytes]]:
        return self._revision, dict(self._alerts)

    async def queued(
        self, partition: int, receiver: str, count: int, after: str = ""
    ) -> list[tuple[str, bytes]]:
        waiting = self._queues[receiver].items()
        return [each for each in waiting if int(each[0]) > int(after or 0)][:count]

    async def settle(self, partition: int, receiver: str, entry: str, dead: bytes | None) -> None:
        if self._queues[receiver].pop(entry, None) is not None and dead is not None:
            self._bury(dead)

    async def group_sizes(self, label: str) -> Mapping[str, int]:
        return Counter(
            series.labels[label] for series in self._store.series.values() if label in series.labels
        )

    def _bury(self, letter: bytes) -> None:
        self.dead_letters = [*self.dead_letters[1 - DEAD_LETTERS :], letter]
