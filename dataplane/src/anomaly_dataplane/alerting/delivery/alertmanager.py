"""Tells one Alertmanager what is open, again and again, and for a while what no longer is.

Labels are an alert's identity there, so they hold nothing that changes; all else is in annotations.
Whatever a pod before this one sent is sent again: Alertmanager makes one alert of it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from anomaly_dataplane.alerting.alert import Alert, Kind
from anomaly_dataplane.alerting.delivery.credentials import BadSecret, Credentials
from anomaly_dataplane.alerting.delivery.http import (
    Answer,
    Backoff,
    Bell,
    Outcome,
    place,
    post,
)
from anomaly_dataplane.contract.config import Identity
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.observer import Observer

if TYPE_CHECKING:
    from aiohttp import ClientSession

PATH = "/api/v2/alerts"

RESEND_SECONDS = 60.0
"""Of what is open: a fraction of Alertmanager's usual resolve_timeout of 5 min."""

ENDS_AFTER_SECONDS = 4 * RESEND_SECONDS
"""If no pod says otherwise by then, Alertmanager takes an alert to be resolved."""

RESOLVED_SECONDS = 600.0
"""For so long a resolve is sent again."""

FIRING_SECONDS = 40.0
"""An alert fires for at least so long: Alertmanager's usual group_wait is 30 s, and of one that is
over by then it tells nobody."""

MOST_SENT = 256
"""Alerts in one POST."""

_WAIT_SECONDS = 1.0
_NO_NAME = re.compile(r"[^a-zA-Z0-9_]")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Sent:
    alert: Alert
    at: float


class AlertmanagerSender:
    """Keeps one Alertmanager up to date.

    Args:
        url: of the Alertmanager, without the path of its API.
        pipeline: whose alerts they are.
        alerts: all that this pod looks after.
        client: to POST with.
        observer: is told how it went.
        wall_clock: Unix time in seconds.
        backoff: after failures.
        credentials: that it asks for.
    """

    def __init__(
        self,
        url: str,
        pipeline: Identity,
        alerts: Callable[[], Iterable[Alert]],
        client: ClientSession,
        observer: Observer,
        wall_clock: Callable[[], float] = time.time,
        backoff: Backoff | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self.bell = Bell()
        self._url = url.rstrip("/") + PATH
        self._name = f"alertmanager/{place(url)}"
        self._pipeline = pipeline
        self._alerts = alerts
        self._client = client
        self._observer = observer
        self._wall_clock = wall_clock
        self._backoff = backoff or Backoff()
        self._credentials = credentials or Credentials(None, insecure=False)
        self._sent: dict[str, _Sent] = {}

    async def run(self) -> None:
        """Send for ever."""
        while True:
            pause = await self.send()
            await self._backoff.wait(self.bell, pause)

    async def send(self) -> float:
        """Send what is due; returns how long to wait then."""
        now = self._wall_clock()
        due = self._due(now)
        for i in range(0, len(due), MOST_SENT):
            pause = await self._post(due[i : i + MOST_SENT], now)
            if pause:
                return pause
        return _WAIT_SECONDS

    def _due(self, now: float) -> list[Alert]:
        due: list[Alert] = []
        relevant: dict[str, Alert] = {}
        for alert in self._alerts():
            if alert.told_open_ms and now - (_end(alert, now) or now) < RESOLVED_SECONDS:
                relevant[alert.key] = alert
        for key in self._sent.keys() - relevant.keys():
            del self._sent[key]
        for key, alert in relevant.items():
            sent = self._sent.get(key)
            if sent is None or _news(sent, alert, now) or now - sent.at >= RESEND_SECONDS:
                due.append(alert)
        return due

    async def _post(self, alerts: Sequence[Alert], now: float) -> float:
        """Send some; returns how long to wait before the next try, 0 after success."""
        body = msgspec.json.encode([as_posted(self._pipeline, alert, now) for alert in alerts])
        answer = await self._answer(body)
        if answer.outcome is Outcome.LATER:
            if not self._backoff.failures:
                logger.warning("%s does not take alerts: %s", self._name, answer.reason)
            self._observer.delivered(self._name, "failed", len(alerts))
            return self._backoff.failed(answer.retry_after)
        if answer.outcome is Outcome.NEVER:
            # It says so of a whole POST but keeps its good alerts. The next turn sends them again.
            logger.error("%s refuses alerts: %s", self._name, answer.reason)
        elif self._backoff.failures:
            logger.info("%s takes alerts again", self._name)
        self._backoff.succeeded()
        refused = answer.outcome is Outcome.NEVER
        self._observer.delivered(self._name, "dead" if refused else "delivered", len(alerts))
        for alert in alerts:
            self._sent[alert.key] = _Sent(alert, now)
        return 0.0

    async def _answer(self, body: bytes) -> Answer:
        try:
            access = self._credentials.read()
        except BadSecret as error:
            return Answer(Outcome.LATER, str(error))
        return await post(self._client, self._url, body, access.headers, access.tls)


def _news(sent: _Sent, alert: Alert, now: float) -> bool:
    """Whether an Alertmanager should hear of the difference at once."""
    before = sent.alert
    if (before.id, before.told_anomalies) != (alert.id, alert.told_anomalies):
        return True
    return (_end(before, sent.at) is None) != (_end(alert, now) is None)


def _end(alert: Alert, now: float) -> float | None:
    """When an alert that was told ended, None while it fires."""
    if alert.told:
        return None
    ended = max(alert.resolved_ms / 1e3, alert.told_open_ms / 1e3 + FIRING_SECONDS)
    return ended if ended <= now else None


def as_posted(pipeline: Identity, alert: Alert, now: float) -> dict[str, object]:
    """An alert as Alertmanager's API takes it."""
    ended = _end(alert, now)
    ends_ms = 1e3 * (now + ENDS_AFTER_SECONDS if ended is None else ended)
    return {
        "labels": labels(pipeline, alert),
        "annotations": texts_of(alert),
        "startsAt": rfc3339(min(alert.started_ms, ends_ms - 1)),
        "endsAt": rfc3339(ends_ms),
    }


def labels(pipeline: Identity, alert: Alert) -> dict[str, str]:
    """What makes the alert this one: the series and the side, nothing that changes.

    The series' own labels come first, so that none of them takes the name of one of ours. Two that
    are one after their names were made valid are still told apart by `series`.
    """
    own = {_NO_NAME.sub("_", name): value for name, value in alert.labels.items()}
    own = {f"_{name}" if name[:1].isdigit() else name: value for name, value in own.items() if name}
    ours = {
        "alertname": "AnomalyGroup" if alert.kind is Kind.GROUP else "Anomaly",
        "pipeline": pipeline.name,
        "pipeline_namespace": pipeline.namespace,
    }
    if alert.kind is Kind.SERIES:
        ours |= {"metric": alert.metric, "direction": alert.direction, "series": alert.series}
    exported = {f"exported_{name}" if name in ours else name: value for name, value in own.items()}
    return {name: value for name, value in {**exported, **ours}.items() if value}


def texts_of(alert: Alert) -> dict[str, str]:
    """What people read."""
    texts = {
        "summary": summary(alert),
        "anomalies": str(alert.anomalies),
        "alert_id": alert.id,
    }
    last = alert.last
    if last is not None:
        texts |= {
            "value": f"{last.value:g}",
            "expected": f"{last.expected[0]:g} to {last.expected[1]:g}",
            "score": f"{last.score:.3g}",
            "threshold": f"{last.threshold:g}",
            "family": last.family,
            "last_anomaly": last.anomaly,
            "last_time": rfc3339(last.time),
        }
    if alert.ending:
        texts["ending"] = alert.ending
    return {name: text for name, text in texts.items() if text}


def summary(alert: Alert) -> str:
    """One line about an alert."""
    of = ", ".join(f"{name}={value}" for name, value in alert.labels.items())
    if alert.kind is Kind.GROUP:
        count, size = alert.members
        return f"{count} of {size} series of {of} are anomalous at once"
    name = f"{alert.metric} ({of})" if of else alert.metric
    if alert.last is None or alert.direction == "None":
        return f"{name} has stopped reporting"
    low, high = alert.last.expected
    side = alert.direction.lower()
    return f"{name} is {alert.last.value:.4g}, {side} the expected {low:.4g} to {high:.4g}"
