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
from dataclasses import dataclass, field
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
"""Notices that are read at once."""

MOST_LOOKED_AT = 1000
"""Of a partition in one turn: so many that wait by themselves hold up none behind them."""

MOST_CHOKED = 10
"""Alerts, one after the other, after which it seems that the receiver takes none at all."""

_WAIT_SECONDS = 1.0
_FORGOTTEN_SECONDS = 600.0
"""A notice that nobody has tried for so long after its pause is another pod's by now."""

_notices = msgspec.json.Decoder(Notice)
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Stuck:
    """An alert whose next notice the receiver chokes on, while it may take others."""

    backoff: Backoff = field(default_factory=Backoff)
    until: float = 0.0


@dataclass(slots=True)
class _Turn:
    """How one turn through the queues goes.

    Attributes:
        choked: notices that the receiver choked on since it took one.
        waiting: alerts of which a notice stays in its queue: those behind it wait, too.
        retry_after: seconds that it asked for.
        over: whether the receiver is to be left alone.
    """

    choked: int = 0
    waiting: set[str] = field(default_factory=set)
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
            if not turn.over:
                await self._empty(partition, turn)
        self._forget()
        return self._backoff.failed(turn.retry_after) if turn.over else _WAIT_SECONDS

    async def _empty(self, partition: int, turn: _Turn) -> None:
        """Tell what waits in one queue, page by page."""
        name, after = self._webhook.name, ""
        for _ in range(0, MOST_LOOKED_AT, MOST_QUEUED):
            queued = await self._ledger.queued(partition, name, MOST_QUEUED, after)
            for entry, payload in queued:
                if turn.over:
                    return
                await self._tell(partition, entry, payload, turn)
                after = entry
            if len(queued) < MOST_QUEUED:
                return

    def _forget(self) -> None:
        """Forget which alerts had trouble in partitions that went to other pods."""
        oldest = self._wall_clock() - _FORGOTTEN_SECONDS
        self._stuck = {who: stuck for who, stuck in self._stuck.items() if stuck.until > oldest}

    async def _tell(self, partition: int, entry: str, payload: bytes, turn: _Turn) -> None:
        """Tell one notice, or give it up, or leave it in its queue."""
        try:
            notice = _notices.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            await self._give_up(partition, entry, payload, f"cannot be read: {error}")
            return
        who, now = notice.alert.id, self._wall_clock()
        known = self._stuck.get(who)
        if known is not None and now < known.until:
            turn.waiting.add(who)
        if who in turn.waiting:
            return
        answer = await self._post(notice)
        if answer.outcome is Outcome.DELIVERED:
            self._well(who, turn)
            await self._ledger.settle(partition, self._webhook.name, entry, None)
            self._observer.delivered(self._name, "delivered", 1)
            return
        overdue = now - notice.at_ms / 1e3 >= self._config().alerting.retry_for_seconds
        if answer.outcome is Outcome.NEVER or overdue:
            self._stuck.pop(who, None)
            await self._give_up(partition, entry, payload, answer.reason)
            return
        self._observer.delivered(self._name, "failed", 1)
        turn.waiting.add(who)
        turn.retry_after = answer.retry_after
        if not self._backoff.failures and known is None:
            whose = f"those of {who}" if answer.choked else "notices"
            logger.warning("%s does not take %s: %s", self._name, whose, answer.reason)
        if answer.choked:
            stuck = self._stuck.setdefault(who, _Stuck())
            stuck.until = self._wall_clock() + stuck.backoff.failed(answer.retry_after)
            turn.choked += 1
        turn.over = not answer.choked or turn.choked == MOST_CHOKED

    def _well(self, who: str, turn: _Turn) -> None:
        """It takes notices, or takes them again: then so it may those that it choked on."""
        turn.choked = 0
        if self._stuck.pop(who, None) or self._backoff.failures:
            for stuck in self._stuck.values():
                stuck.until = 0.0
        self._backoff.succeeded()

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
