"""Tells one webhook each notice: signed, those of an alert in order, tried again, given up in time.

What waits is in Redis, so any pod goes on where another one stopped; a notice may come twice, with
the same id. Signatures are those of the Standard Webhooks specification.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from anomaly_dataplane.alerting.delivery.credentials import BadSecret, Credentials
from anomaly_dataplane.alerting.delivery.http import Answer, Backoff, Bell, Outcome, post
from anomaly_dataplane.alerting.delivery.links import link
from anomaly_dataplane.alerting.ledger import Ledger, dead_letter
from anomaly_dataplane.alerting.notices import Notice
from anomaly_dataplane.alerting.texts import summary
from anomaly_dataplane.contract.config import PipelineConfig, Webhook
from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.observer import Observer

if TYPE_CHECKING:
    from aiohttp import ClientSession

VERSION = "anomalypipeline.io/notice/v1"
"""Of the body. Fields may be added to it; another meaning gets another version."""

MOST_QUEUED = 50
_WAIT_SECONDS = 1.0

_notices = msgspec.json.Decoder(Notice)
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Stuck:
    """An alert whose next notice the receiver chokes on, while it takes others."""

    backoff: Backoff
    until: float


@dataclass(slots=True)
class _Turn:
    """How one turn through the queues goes.

    Attributes:
        suspect: the alert whose notice the receiver choked on, until it takes another one.
        retry_after: seconds that it then asked for.
        over: whether the receiver is to be left alone.
    """

    suspect: str = ""
    retry_after: float = 0.0
    over: bool = False


class WebhookSender:
    """Empties one webhook's queues in the partitions that this pod looks after.

    Args:
        webhook: whom to tell.
        config: of the pipeline whose alerts they are, as it is now.
        ledger: where the queues are.
        held: the partitions that this pod looks after.
        client: to POST with.
        observer: is told how it went.
        wall_clock: Unix time in seconds.
        backoff: after failures.
        credentials: that it asks for, and the key that signs.
    """

    def __init__(
        self,
        webhook: Webhook,
        config: Callable[[], PipelineConfig],
        ledger: Ledger,
        held: Callable[[], Sequence[int]],
        client: ClientSession,
        observer: Observer,
        wall_clock: Callable[[], float] = time.time,
        backoff: Backoff | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self.bell = Bell()
        self._webhook = webhook
        self._name = f"webhook/{webhook.name}"
        self._config = config
        self._ledger = ledger
        self._held = held
        self._client = client
        self._observer = observer
        self._wall_clock = wall_clock
        self._backoff = backoff or Backoff()
        self._stuck: dict[str, _Stuck] = {}
        self._credentials = credentials or Credentials(None, insecure=False, signs=True)

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            try:
                pause = await self.deliver()
            except StoreUnavailable:
                pause = _WAIT_SECONDS
            await self._backoff.wait(self.bell, pause)

    async def deliver(self) -> float:
        """Deliver what waits, oldest first; returns how long to wait then.

        Raises:
            StoreUnavailable: what was delivered but not settled is delivered again.
        """
        turn = _Turn()
        for partition in self._held():
            while not turn.over:
                queued = await self._ledger.queued(partition, self._webhook.name, MOST_QUEUED)
                settled = 0
                for entry, payload in queued:
                    settled += await self._tell(partition, entry, payload, turn)
                    if turn.over:
                        break
                if len(queued) < MOST_QUEUED or not settled:
                    break
        if turn.suspect and turn.suspect not in self._stuck:
            turn.over = True
        return self._backoff.failed(turn.retry_after) if turn.over else _WAIT_SECONDS

    async def _tell(self, partition: int, entry: str, payload: bytes, turn: _Turn) -> bool:
        """Tell one notice, or give it up; False if it stays in its queue."""
        try:
            notice = _notices.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            await self._give_up(partition, entry, payload, f"cannot be read: {error}")
            return True
        who, now = notice.alert.id, self._wall_clock()
        known = self._stuck.get(who)
        if who == turn.suspect or (known is not None and now < known.until):
            return False
        answer = await self._post(notice)
        if answer.outcome is Outcome.DELIVERED:
            self._well(turn)
            self._stuck.pop(who, None)
            await self._ledger.settle(partition, self._webhook.name, entry, None)
            self._observer.delivered(self._name, "delivered", 1)
            return True
        overdue = now - notice.at_ms / 1e3 >= self._config().alerting.retry_for_seconds
        if answer.outcome is Outcome.NEVER or overdue:
            self._stuck.pop(who, None)
            await self._give_up(partition, entry, payload, answer.reason)
            return True
        self._observer.delivered(self._name, "failed", 1)
        if known is not None and answer.choked:
            known.until = now + known.backoff.failed(answer.retry_after)
            return False
        if not self._backoff.failures and not turn.suspect:
            logger.warning("%s does not take notices: %s", self._name, answer.reason)
        turn.over = bool(turn.suspect) or not answer.choked
        turn.suspect, turn.retry_after = who, answer.retry_after
        return False

    def _well(self, turn: _Turn) -> None:
        """It takes notices: one that it has just choked on is to blame, and waits by itself."""
        self._backoff.succeeded()
        if turn.suspect:
            backoff = Backoff()
            until = self._wall_clock() + backoff.failed(turn.retry_after)
            self._stuck[turn.suspect] = _Stuck(backoff, until)
            logger.warning("%s takes others than those of %s", self._name, turn.suspect)
            turn.suspect = ""

    async def _give_up(self, partition: int, entry: str, payload: bytes, reason: str) -> None:
        logger.error("%s: gave a notice up: %s", self._name, reason)
        letter = dead_letter(self._webhook.name, reason, payload)
        await self._ledger.settle(partition, self._webhook.name, entry, letter)
        self._observer.delivered(self._name, "dead", 1)

    async def _post(self, notice: Notice) -> Answer:
        try:
            access = self._credentials.read()
        except BadSecret as error:
            return Answer(Outcome.LATER, str(error))
        body = as_posted(self._config(), notice)
        timestamp = str(int(self._wall_clock()))
        headers = {**access.headers, "webhook-id": notice.id, "webhook-timestamp": timestamp}
        if access.signing_key is not None:
            headers["webhook-signature"] = signature(access.signing_key, notice.id, timestamp, body)
        return await post(self._client, self._webhook.url, body, headers, access.tls)


def signature(key: bytes, identity: str, timestamp: str, body: bytes) -> str:
    """What proves that a body came from here, and when."""
    signed = f"{identity}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def as_posted(config: PipelineConfig, notice: Notice) -> bytes:
    """A notice as a webhook gets it: docs/alerting.md describes it."""
    alert, pipeline = notice.alert, config.pipeline
    last = alert.last
    return msgspec.json.encode(
        {
            "version": VERSION,
            "id": notice.id,
            "event": notice.what,
            "time": rfc3339(notice.at_ms),
            "summary": summary(alert),
            "link": link(config, alert) or None,
            "pipeline": {"namespace": pipeline.namespace, "name": pipeline.name},
            "alert": {
                "id": alert.id,
                "kind": alert.kind,
                "state": alert.state,
                "metric": alert.metric,
                "labels": alert.labels,
                "direction": alert.direction,
                "series": alert.series,
                "trigger": alert.trigger,
                "ending": alert.ending,
                "startedAt": rfc3339(alert.started_ms),
                "updatedAt": rfc3339(alert.updated_ms),
                "resolvedAt": rfc3339(alert.resolved_ms) if alert.resolved_ms else None,
                "anomalies": alert.anomalies,
                "peakScore": alert.peak,
                "members": dict(zip(("anomalous", "all"), alert.members, strict=True))
                if alert.series == ""
                else None,
            },
            "anomaly": last
            and {
                "id": last.anomaly,
                "time": rfc3339(last.time),
                "value": last.value,
                "score": last.score,
                "threshold": last.threshold,
                "family": last.family,
                "expected": last.expected,
            },
        }
    )
