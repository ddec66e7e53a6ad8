"""What one Alertmanager has been told, and so what it is to be told now. Pure; no clock of its own.

Alertmanager wants to hear of what is open again and again, and of what is over once it fired. Of
what came and went while it was away it is told only if that is still news.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anomaly_dataplane.alerting.alert import Alert
from anomaly_dataplane.contract.config import Alertmanager

RESOLVED_SECONDS = 600.0
"""For so long what is over is told, again and again."""

BEYOND_WAIT_SECONDS = 10.0
"""An alert fires for so much longer than group_wait: of one that is over by then nobody is told."""


@dataclass(slots=True)
class _Sent:
    alert: Alert
    at: float


class Known:
    """What an Alertmanager has been told by this pod.

    Attributes:
        missed: how many alerts were over and no news any more before it could be told; whoever
            counts them sets it back.
    """

    def __init__(self, peers: Alertmanager) -> None:
        self.missed = 0
        self._peers = peers
        self._sent: dict[str, _Sent] = {}
        self._owed: dict[str, str] = {}  # by key, ids of what fires and it does not know

    def due(self, alerts: Iterable[Alert], now: float) -> list[Alert]:
        """Which of all alerts it is to be told of now."""
        relevant = {alert.key: alert for alert in alerts if self._is_relevant(alert, now)}
        for known in (self._sent, self._owed):
            for key in known.keys() - relevant.keys():
                del known[key]
        return [alert for alert in relevant.values() if self._is_due(alert, now)]

    def told(self, alerts: Sequence[Alert], now: float) -> None:
        """It has taken these."""
        for alert in alerts:
            self._sent[alert.key] = _Sent(alert, now)
            self._owed.pop(alert.key, None)

    def end(self, alert: Alert, now: float) -> float | None:
        """When an alert ended as it is told, None while it fires."""
        if alert.told:
            return None
        firing = self._peers.group_wait_seconds + BEYOND_WAIT_SECONDS
        ended = max(alert.resolved_ms / 1e3, alert.told_open_ms / 1e3 + firing)
        return ended if ended <= now else None

    def _is_relevant(self, alert: Alert, now: float) -> bool:
        if not alert.told_open_ms:
            return False
        fresh = now - (self.end(alert, now) or now) < RESOLVED_SECONDS
        owed = self._owed.get(alert.key)
        if owed is not None and (owed != alert.id or not fresh):
            self.missed += 1
            del self._owed[alert.key]
        return fresh

    def _is_due(self, alert: Alert, now: float) -> bool:
        sent = self._sent.get(alert.key)
        if sent is None or sent.alert.id != alert.id:
            if self.end(alert, now) is None:
                self._owed[alert.key] = alert.id
            return True
        if sent.alert.told_anomalies != alert.told_anomalies:
            return True
        if (self.end(sent.alert, sent.at) is None) != (self.end(alert, now) is None):
            return True
        return now - sent.at >= self._peers.resend_delay_seconds
