"""The stage that takes samples from an MQTT broker: messages in, acknowledged once committed.

`app.py` builds it, `serve.py` runs it beside the HTTP server. It offers to the same buffer: all
messages that have come while a group was committed make the next group, so that they keep their
order and a busy broker costs few commits. What cannot be committed now is tried again; until then
nothing is acknowledged, so the broker stops at `maxInFlight`, and beyond that we stop reading.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import random
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from anomaly_dataplane.buffer import Buffer
from anomaly_dataplane.errors import Draining, Refused
from anomaly_dataplane.ingest.parsed import Cause, Parsed
from anomaly_dataplane.ingest.series_limit import OVER_LIMIT
from anomaly_dataplane.ingest.timestamps import of_clock
from anomaly_dataplane.mqtt.connection import BrokerUnavailable, Connection, Terms
from anomaly_dataplane.mqtt.messages import Message, MessageParser
from anomaly_dataplane.mqtt.reports import RejectionLog
from anomaly_dataplane.sample import Batch, Code
from anomaly_dataplane.store.access import BadSecret, Login
from anomaly_dataplane.telemetry import MqttMetrics, ProtocolMetrics

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
"""Between tries to connect: doubled after each that failed, and jittered, so that the pods of a
pipeline do not fall on a broker that has just come back all at once."""
STEADY_SECONDS = 10.0
"""A connection that lived this long was a good one; the next pause is the first again."""
RETRY_SECONDS = 1.0
"""Between tries to commit."""
QUIET_SECONDS = 0.5
"""Without a message after the end of the subscription: the broker has nothing left for us."""
GROUP_MESSAGES = 512
GROUP_BYTES = 1 << 20
"""Of one group, but for a message that is larger by itself: samples take many times their bytes."""
MOST_SAMPLES_AT_ONCE = 1000
"""Offered to the buffer: it is others', too."""

logger = logging.getLogger(__name__)


class Consumer:
    """Takes the messages of one pod.

    Args:
        terms: what is asked of the broker.
        filters: what is subscribed to.
        login: reads the credentials, anew for each connection.
        parser: of the messages.
        admit: turns away samples that must not reach a window.
        buffer: where the others go.
        protocol: what every protocol counts.
        metrics: what only this one counts.
        wall_clock: of the receipt of samples without a time.
        sleep: waits, jitter included.
    """

    def __init__(
        self,
        terms: Terms,
        filters: Sequence[str],
        login: Callable[[], Login],
        parser: MessageParser,
        admit: Callable[[Parsed, float], Parsed],
        buffer: Buffer,
        protocol: ProtocolMetrics,
        metrics: MqttMetrics,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._terms = terms
        self._filters = list(filters)
        self._login = login
        self._parser = parser
        self._admit = admit
        self._buffer = buffer
        self._protocol = protocol
        self._metrics = metrics
        self._max_samples = max(1, min(buffer.capacity_samples, MOST_SAMPLES_AT_ONCE))
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._inbox: deque[Message] = deque()
        self._held_bytes = 0
        self._arrived = asyncio.Event()
        self._busy = False
        self._connection: Connection | None = None
        self._leaving = asyncio.Event()
        self._rejections = RejectionLog(logger)
        # By packet identifier: what was committed on a connection whose acknowledgement may not
        # have arrived, as a digest. The broker sends it again, and without a time of its own it
        # would be new.
        self._done: OrderedDict[int, bytes] = OrderedDict()
        self._tasks: list[asyncio.Task[None]] = []
        metrics.watch(lambda: len(self._inbox))

    async def start(self) -> None:
        """Start connecting and committing."""
        self._tasks = [
            asyncio.create_task(self._keep_connected(), name="mqtt connection"),
            asyncio.create_task(self._commit_groups(), name="mqtt commits"),
        ]

    async def leave(self, within_seconds: float) -> None:
        """Take nothing new, commit and acknowledge what has come, and end the session.

        What is not committed in time stays with the broker, for as long as it keeps sessions.
        """
        self._leaving.set()
        connection = self._connection
        finished = False
        try:
            async with asyncio.timeout(within_seconds):
                if connection is not None and not connection.lost.done():
                    with contextlib.suppress(BrokerUnavailable):
                        await connection.unsubscribe(self._filters)
                    await self._until_quiet(connection)
                    finished = not connection.lost.done()
        except TimeoutError:
            logger.warning(
                "stopping with %d messages unacknowledged; the broker keeps them for %d s",
                len(self._inbox),
                self._terms.session_expiry_seconds,
            )
        finally:
            await self._end(forget=finished)

    async def stop(self) -> None:
        """Stop at once, leaving the session with the broker."""
        self._leaving.set()
        await self._end(forget=False)

    async def _end(self, *, forget: bool) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._connection is not None:
            await self._connection.close(forget=forget)
            self._connection = None
        self._metrics.connected(False)

    async def _until_quiet(self, connection: Connection) -> None:
        """Wait until everything is committed and nothing more comes."""
        quiet_since: float | None = None
        while not connection.lost.done():
            if self._inbox or self._busy:
                quiet_since = None
            elif quiet_since is None:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since >= QUIET_SECONDS:
                return
            await asyncio.sleep(0.05)

    async def _keep_connected(self) -> None:
        """Connect, again and again, until the pod leaves."""
        pause = FIRST_PAUSE_SECONDS
        said = ""
        while not self._leaving.is_set():
            opened = time.monotonic()
            reason = await self._connect_once()
            if time.monotonic() - opened >= STEADY_SECONDS:
                pause, said = FIRST_PAUSE_SECONDS, ""
            self._metrics.failed()
            if reason != said:
                # The same again and again would fill the log of a pod without a broker.
                logger.warning("no connection to the MQTT broker, trying again: %s", reason)
                said = reason
            await self._sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # no secret
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _connect_once(self) -> str:
        """Connect and stay so; returns why that has ended."""
        try:
            login = self._login()
        except BadSecret as error:
            return str(error)
        # What has come of an earlier connection, and was not acknowledged, comes again.
        self._release(self._inbox)
        self._inbox.clear()
        connection = self._connection = Connection(self._terms, login, self._take)
        try:
            await connection.open()
            if not connection.resumed:
                self._done.clear()
            await connection.subscribe(self._filters)
            logger.info(
                "taking %s from the MQTT broker %s:%d%s",
                ", ".join(self._filters),
                self._terms.host,
                self._terms.port,
                ", going on with an earlier session" if connection.resumed else "",
            )
            self._metrics.connected(True)
            return await asyncio.shield(connection.lost)
        except BrokerUnavailable as error:
            return str(error)
        except Exception as error:
            # A defect of ours, or of the client library. The next try may pass.
            logger.exception("the connection to the MQTT broker failed")
            return f"internal error: {error}"
        finally:
            self._metrics.connected(False)
            if not self._leaving.is_set():
                self._connection = None
                await connection.close(forget=False)

    def _take(self, message: Message) -> None:
        """Called by the connection with each message."""
        self._inbox.append(message)
        self._held_bytes += len(message.payload)
        self._arrived.set()
        terms = self._terms
        if self._connection is not None and (
            len(self._inbox) >= terms.max_in_flight or self._held_bytes >= terms.max_held_bytes
        ):
            self._connection.pause(True)

    def _release(self, messages: Iterable[Message]) -> None:
        """Count messages no more: they are done with, or come again."""
        self._held_bytes -= sum(len(message.payload) for message in messages)

    async def _commit_groups(self) -> None:
        """Commit what has come, again and again."""
        while True:
            await self._arrived.wait()
            connection = self._connection
            if not self._inbox or connection is None:
                # What a lost connection has left behind is dropped by the next one.
                self._arrived.clear()
                continue
            messages = self._next_group()
            self._busy = True
            try:
                await self._commit([each for each in messages if not self._is_done(each)])
                self._acknowledge(messages, connection)
                self._release(messages)
            except Draining:
                # Not acknowledged: the broker sends it to this pod's successor or another one.
                self._inbox.extendleft(reversed(messages))
                return
            finally:
                self._busy = False
            terms = self._terms
            if (
                len(self._inbox) <= terms.max_in_flight // 2
                and self._held_bytes <= terms.max_held_bytes // 2
            ):
                connection.pause(False)

    def _next_group(self) -> list[Message]:
        """The oldest messages that have come, at least one."""
        messages = [self._inbox.popleft()]
        size_bytes = len(messages[0].payload)
        while self._inbox and len(messages) < GROUP_MESSAGES:
            size_bytes += len(self._inbox[0].payload)
            if size_bytes > GROUP_BYTES:
                break
            messages.append(self._inbox.popleft())
        return messages

    def _is_done(self, message: Message) -> bool:
        """Whether this was committed, and only its acknowledgement was lost with a connection."""
        return message.duplicate and self._done.get(message.mid) == _digest(message)

    async def _commit(self, messages: Sequence[Message]) -> None:
        """Commit the good samples of a group, however long that takes.

        Raises:
            Draining: the pod stops; nothing is acknowledged, though a part may be committed.
        """
        if not messages:
            return
        now_ms = of_clock(self._wall_clock())
        try:
            parsed = self._admit(self._parser.parse(messages, now_ms), now_ms)
        except Exception:
            await self._commit_one_by_one(messages)
            return
        self._protocol.received(parsed.total)
        if parsed.rejected:
            self._protocol.rejected(rejection.cause for rejection in parsed.rejected)
            self._rejections.add(parsed.rejected)
        batch = parsed.batch
        for start in range(0, len(batch), self._max_samples):
            end = start + self._max_samples
            await self._commit_batch(
                Batch(
                    batch.series[start:end],
                    batch.times[start:end],
                    batch.values[start:end],
                    batch.size_bytes * min(self._max_samples, len(batch) - start) // len(batch),
                )
            )

    async def _commit_one_by_one(self, messages: Sequence[Message]) -> None:
        """Find the message that a defect of ours cannot read: it must not hold up the others."""
        if len(messages) > 1:
            for message in messages:
                await self._commit([message])
            return
        logger.exception("a message of %s cannot be read", messages[0].topic[:200])
        self._protocol.received(1)
        self._protocol.rejected([Cause.SYNTAX])

    async def _commit_batch(self, batch: Batch) -> None:
        while True:
            try:
                verdicts = await self._buffer.offer(batch)
                codes = verdicts.codes
                over = codes.count(OVER_LIMIT)
                if over:
                    self._protocol.rejected([Cause.SERIES_LIMIT] * over)
                known = codes.count(Code.DUPLICATE) + codes.count(Code.LATE)
                self._protocol.accepted(len(codes) - known - over)
                return
            except Draining:
                raise
            except Refused as refused:
                self._metrics.waited(refused.reason)
            except Exception:
                # A defect of ours. What was taken from the broker must not be lost by it.
                logger.exception("committing %d samples failed", len(batch))
                self._metrics.waited("defect")
            await self._sleep(RETRY_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311  # no secret

    def _acknowledge(self, messages: Sequence[Message], connection: Connection) -> None:
        now = time.perf_counter()
        for message in messages:
            self._protocol.answered(now - message.received)
            if message.qos:
                self._done[message.mid] = _digest(message)
                self._done.move_to_end(message.mid)
                connection.acknowledge(message)
        while len(self._done) > 2 * self._terms.max_in_flight:
            self._done.popitem(last=False)


def _digest(message: Message) -> bytes:
    return hashlib.blake2b(
        message.topic.encode() + b"\0" + message.payload, digest_size=16
    ).digest()
