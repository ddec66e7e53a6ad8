"""Tells one Alertmanager what is open, again and again, and for a while what no longer is.

Labels are an alert's identity there, so they hold nothing that changes; all else is in annotations.
Whatever a pod before this one sent is sent again: Alertmanager makes one alert of it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
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
from anomaly_dataplane.alerting.delivery.known import Known
from anomaly_dataplane.alerting.delivery.links import link
from anomaly_dataplane.alerting.texts import texts_of
from anomaly_dataplane.contract.config import Identity, PipelineConfig
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.observer import Observer

if TYPE_CHECKING:
    from aiohttp import ClientSession

PATH = "/api/v2/alerts"

ENDS_AFTER_DELAYS = 4
"""If no pod says otherwise for so many delays, Alertmanager takes an alert to be resolved."""

MOST_SENT = 256
"""Alerts in one POST."""

_WAIT_SECONDS = 1.0
_NO_NAME = re.compile(r"[^a-zA-Z0-9_]")

logger = logging.getLogger(__name__)


class AlertmanagerSender:
    """Keeps one Alertmanager up to date.

    Args:
        url: of the Alertmanager, without the path of its API.
        config: of the pipeline whose alerts they are, as it is now.
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
        config: Callable[[], PipelineConfig],
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
        self._config = config
        self._alerts = alerts
        self._client = client
        self._observer = observer
        self._wall_clock = wall_clock
        self._backoff = backoff or Backoff()
        self._credentials = credentials or Credentials(None, insecure=False)
        self._known = Known(config().alerting.alertmanager)

    async def run(self) -> None:
        """Send for ever."""
        while True:
            pause = await self.send()
            await self._backoff.wait(self.bell, pause)

    async def send(self) -> float:
        """Send what is due; returns how long to wait then."""
        now = self._wall_clock()
        due = self._known.due(self._alerts(), now)
        if self._known.missed:
            logger.error("%s missed alerts that are over: %d", self._name, self._known.missed)
            self._observer.delivered(self._name, "dead", self._known.missed)
            self._known.missed = 0
        for i in range(0, len(due), MOST_SENT):
            pause = await self._post(due[i : i + MOST_SENT], now)
            if pause:
                return pause
        return _WAIT_SECONDS

    async def _post(self, alerts: Sequence[Alert], now: float) -> float:
        """Send some; returns how long to wait before the next try, 0 after success."""
        body = msgspec.json.encode([self._as_posted(alert, now) for alert in alerts])
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
        self._known.told(alerts, now)
        return 0.0

    def _as_posted(self, alert: Alert, now: float) -> dict[str, object]:
        """An alert as Alertmanager's API takes it."""
        config = self._config()
        ended = self._known.end(alert, now)
        if ended is None:
            ended = now + ENDS_AFTER_DELAYS * config.alerting.alertmanager.resend_delay_seconds
        ends_ms = 1e3 * ended
        url = link(config, alert)
        return {
            "labels": labels(config.pipeline, alert),
            "annotations": texts_of(alert),
            "startsAt": rfc3339(min(alert.started_ms, ends_ms - 1)),
            "endsAt": rfc3339(ends_ms),
            **({"generatorURL": url} if url else {}),
        }

    async def _answer(self, body: bytes) -> Answer:
        try:
            access = self._credentials.read()
        except BadSecret as error:
            return Answer(Outcome.LATER, str(error))
        return await post(self._client, self._url, body, access.headers, access.tls)


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
