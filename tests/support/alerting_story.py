"""Alerting of one pod in memory, told what happens second by second; its clock is set by hand."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from anomaly_dataplane.alerting.alert import Alert
from anomaly_dataplane.alerting.memory_ledger import MemoryLedger
from anomaly_dataplane.alerting.notices import Notice
from anomaly_dataplane.alerting.stage import AlertingStage
from anomaly_dataplane.contract.config import Alerting
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.series import Series
from anomaly_dataplane.store.memory_store import MemoryStore
from events import commit
from samples import START_MS, a_config

RECEIVER = "on-call"


class Story:
    """The stage from config to the queue of a webhook. Seconds count from START_MS.

    Args:
        alerting: as a CR says it; without groups if it says nothing of them.
    """

    def __init__(self, **alerting: object) -> None:
        self.store = MemoryStore()
        self._second = 0.0
        self._ledger = MemoryLedger(self.store)
        self._config = self.config(**alerting)
        self._stage = self._a_pod()

    def _a_pod(self) -> AlertingStage:
        return AlertingStage(
            self._ledger,
            self._config,
            Unobserved(),
            wall_clock=lambda: self._now,
            clock=lambda: self._second,
        )

    @staticmethod
    def config(**alerting: object) -> Alerting:
        """Of alerting, with one receiver."""
        base: Mapping[str, object] = {"group": {"by": ""}, "webhooks": [{"name": RECEIVER}]}
        return a_config(alerting={**base, **alerting}).alerting

    def update(self, **alerting: object) -> None:
        """Another config from now on."""
        self._config = self.config(**alerting)
        self._stage.update(self._config)

    def another_pod(self) -> None:
        """The pod is gone, and another one goes on from what is in the ledger."""
        self._stage = self._a_pod()

    async def at(self, second: float, *events: tuple[Series, Anomaly]) -> list[str]:
        """Commit events at this time and step; returns what was told, such as "Opened Above"."""
        self._second = second
        await commit(self.store, int(1e3 * self._now), *events)
        return await self.step()

    async def step(self) -> list[str]:
        """Step until there is nothing left to do at this time; returns what was told."""
        told: list[str] = []
        while True:
            more = await self._stage.step()
            entries = await self._ledger.queued(0, RECEIVER, 1000)
            if not (entries or more):
                return told
            for entry, payload in entries:
                notice = msgspec.json.decode(payload, type=Notice)
                told.append(f"{notice.what} {_whom(notice.alert)}")
                await self._ledger.settle(0, RECEIVER, entry, None)

    def alerts(self) -> list[Alert]:
        """All that are known, open ones and resolved ones."""
        return list(self._stage.alerts())

    @property
    def open(self) -> list[Alert]:
        return [alert for alert in self.alerts() if alert.is_open]

    @property
    def _now(self) -> float:
        return START_MS / 1e3 + self._second


def _whom(alert: Alert) -> str:
    return alert.direction if alert.series else alert.key
