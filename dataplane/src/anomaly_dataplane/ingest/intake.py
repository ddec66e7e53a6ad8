"""The way of one request's samples, whatever server read its body: parse, admit, buffer, reply.

`routes.py` calls it for the aiohttp routes, `front/` for itself. Nothing here knows of a framework
or of a protocol, so that status codes, texts and metrics cannot differ between the servers in front
of it. What brings samples without HTTP parses by itself and calls `offer`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from anomaly_dataplane.buffer import Buffer
from anomaly_dataplane.contract.config import Ingest
from anomaly_dataplane.ingest.admission import admit
from anomaly_dataplane.ingest.gate import Gate
from anomaly_dataplane.ingest.parsed import Cause, Parsed
from anomaly_dataplane.ingest.protocol import Call, Dialect
from anomaly_dataplane.ingest.receipts import REPLAYED_HEADERS, Receipts
from anomaly_dataplane.ingest.reply import Reply
from anomaly_dataplane.ingest.series_limit import OVER_LIMIT, SeriesLimit
from anomaly_dataplane.ingest.timestamps import of_clock
from anomaly_dataplane.sample import Batch, Code, Verdicts
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import NAN
from anomaly_dataplane.telemetry import ProtocolMetrics

_DUPLICATE, _LATE = Code.DUPLICATE.value, Code.LATE.value


@dataclass(slots=True)
class Taken:
    """A request whose good samples are in the buffer.

    Attributes:
        verdicts: of `parsed.batch`; None if there is nothing to commit.
        started: when the request was there, by `time.perf_counter`.
        is_repeat: its Idempotency-Key had come before.
    """

    parsed: Parsed
    verdicts: asyncio.Future[Verdicts] | None
    call: Call
    started: float
    is_repeat: bool = False


class Intake:
    """Takes the samples of one protocol."""

    def __init__(
        self,
        limits: Ingest,
        buffer: Buffer,
        metrics: ProtocolMetrics,
        limit: SeriesLimit | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits
        self._buffer = buffer
        self._metrics = metrics
        self._limit = limit
        self._wall_clock = wall_clock

    def take(self, call: Call, body: bytes, started: float) -> Taken:
        """Parse a body and offer its good samples to the buffer.

        Raises:
            BadPayload: nothing of it can be used.
            Refused: it cannot be taken now.
        """
        now_ms = of_clock(self._wall_clock())
        parsed, verdicts = self.offer(call.parse(body, now_ms), now_ms)
        return Taken(parsed, verdicts, call, started)

    async def take_once(
        self, call: Call, body: bytes, started: float, *, path: str, key: str, receipts: Receipts
    ) -> Taken:
        """The same for a request with an Idempotency-Key: a repeat is as if it came back then.

        Raises:
            BadPayload: nothing of it can be used, or the key came with another body before.
            Refused: it cannot be taken now.
        """
        now_ms = of_clock(self._wall_clock())
        # First, so that a body that nobody can use leaves its key to the one that is mended.
        parsed = call.parse(body, now_ms)
        receipt = await receipts.first(path, key, body, now_ms)
        if receipt.is_repeat:
            self._metrics.repeated()
            parsed = call.parse(body, receipt.time_ms)
        parsed, verdicts = self.offer(parsed, receipt.time_ms)
        return Taken(parsed, verdicts, call, started, receipt.is_repeat)

    def offer(
        self, parsed: Parsed, now_ms: float
    ) -> tuple[Parsed, asyncio.Future[Verdicts] | None]:
        """Turn away what must not reach a window, count, and offer the rest to the buffer.

        Returns:
            What is left, and its verdicts to come; None if nothing is left.

        Raises:
            BadPayload: it never fits the buffer.
            Refused: it cannot be taken now.
        """
        parsed = admit(parsed, now_ms, self._limits.max_future_seconds)
        self._metrics.received(parsed.total)
        if parsed.valueless or parsed.closed:
            self._metrics.without_value(parsed.valueless, len(parsed.closed))
        if parsed.rejected:
            self._metrics.rejected(rejection.cause for rejection in parsed.rejected)
        if parsed.whole and parsed.rejected:
            return parsed, None
        if not parsed.closed:
            return parsed, self._buffer.offer(parsed.batch) if parsed.batch.series else None
        # One batch, so that all of it is taken or nothing.
        verdicts = self._buffer.offer(_with_ends(parsed.batch, parsed.closed))
        return parsed, asyncio.ensure_future(_first(verdicts, len(parsed.batch)))

    def reply(self, taken: Taken, verdicts: Verdicts | None) -> Reply:
        """The answer to a request whose good samples, if it had any, are committed."""
        if verdicts is not None and OVER_LIMIT in verdicts.codes:
            taken.parsed, verdicts = self._without_new_series(taken.parsed, verdicts)
        if verdicts is not None:
            codes = verdicts.codes
            known = codes.count(_DUPLICATE) + codes.count(_LATE)
            self._metrics.accepted(len(codes) - known)
        reply = taken.call.committed(taken.parsed, verdicts)
        if taken.is_repeat:
            reply = Reply(reply.status, reply.body, {**reply.headers, **REPLAYED_HEADERS})
        if reply.status >= 400:
            self._metrics.bad_request(reply.status)
        self._metrics.answered(time.perf_counter() - taken.started)
        return reply

    def _without_new_series(
        self, parsed: Parsed, verdicts: Verdicts
    ) -> tuple[Parsed, Verdicts | None]:
        """The same, with the samples of series beyond the limit among the rejected ones."""
        assert self._limit is not None
        reason = self._limit.reason()
        kept = [i for i, code in enumerate(verdicts.codes) if code != OVER_LIMIT]
        refused = {
            i: (Cause.SERIES_LIMIT, reason)
            for i, code in enumerate(verdicts.codes)
            if code == OVER_LIMIT
        }
        self._metrics.rejected([Cause.SERIES_LIMIT] * len(refused))
        left = parsed.without(refused)
        return left, verdicts.pick(kept) if kept else None


def _with_ends(batch: Batch, closed: Sequence[tuple[Series, float]]) -> Batch:
    """A batch, and behind its samples what tells the kernel that series have ended."""
    return Batch(
        batch.series + [series for series, _ in closed],
        batch.times + [time_ms for _, time_ms in closed],
        batch.values + [NAN] * len(closed),
        batch.size_bytes,
        batch.history,
    )


async def _first(verdicts: asyncio.Future[Verdicts], count: int) -> Verdicts:
    """The verdicts of a request's samples, without those of the series that it closed."""
    return (await verdicts).pick(list(range(count)))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where POSTs of samples go: who may, how they are read and answered, where their samples go.

    Attributes:
        gate: None if everybody may, at any rate.
        receipts: None where an Idempotency-Key means nothing.
    """

    dialect: Dialect
    intake: Intake
    gate: Gate | None = None
    receipts: Receipts | None = None
