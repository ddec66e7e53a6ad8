"""The way of one request's samples, whatever server read its body: parse, admit, buffer, reply.

`routes.py` calls it for the aiohttp routes, `front/` for itself. Nothing here knows of a framework,
so that status codes, texts and metrics cannot differ between the servers in front of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from anomaly_dataplane.buffer import Buffer
from anomaly_dataplane.contract.config import Ingest
from anomaly_dataplane.ingest.admission import admit
from anomaly_dataplane.ingest.answer import answer, with_error
from anomaly_dataplane.ingest.native import LINES_TYPES, NativeParser
from anomaly_dataplane.ingest.parsed import Parsed
from anomaly_dataplane.ingest.reply import JSON_HEADERS, Reply
from anomaly_dataplane.parameters import Parameters
from anomaly_dataplane.sample import Verdicts
from anomaly_dataplane.telemetry import ProtocolMetrics


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a request asks for beside its body.

    Attributes:
        lines: the body has one sample a line.
        verdicts: the answer shall hold one verdict a sample.
        strict: a single bad sample makes the answer a 400.
    """

    lines: bool = False
    verdicts: bool = False
    strict: bool = False


_JSON = "application/json"
_USUAL = Wishes()
_LINES = Wishes(lines=True)


def wishes(query: Mapping[str, str], content_type: str) -> Wishes:
    """The wishes of a request by its query parameters and its Content-Type.

    Raises:
        BadPayload: a parameter is unknown or not understood.
    """
    lines = False
    if content_type and content_type != _JSON:
        lines = content_type.partition(";")[0].strip().lower() in LINES_TYPES
    if not query:
        return _LINES if lines else _USUAL
    parameters = Parameters(query, known=("verdicts", "strict"))
    wanted = Wishes(lines, parameters.flag("verdicts"), parameters.flag("strict"))
    parameters.check()
    return wanted


@dataclass(slots=True)
class Taken:
    """A request whose good samples are in the buffer.

    Attributes:
        verdicts: of `parsed.batch`; None if that is empty.
        started: when the request was there, by `time.perf_counter`.
    """

    parsed: Parsed
    verdicts: asyncio.Future[Verdicts] | None
    wishes: Wishes
    started: float


class Intake:
    """Takes the bodies of one protocol."""

    def __init__(
        self,
        limits: Ingest,
        parser: NativeParser,
        buffer: Buffer,
        metrics: ProtocolMetrics,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits
        self._parser = parser
        self._buffer = buffer
        self._metrics = metrics
        self._wall_clock = wall_clock

    def take(self, body: bytes, wishes: Wishes, started: float) -> Taken:
        """Parse a body and offer its good samples to the buffer.

        Raises:
            BadPayload: nothing of it can be used.
            Refused: it cannot be taken now.
        """
        now_ms = self._wall_clock() * 1e3
        parsed = self._parser.parse(body, lines=wishes.lines, now_ms=now_ms)
        parsed = admit(parsed, now_ms, self._limits.max_future_seconds)
        self._metrics.received(parsed.total)
        if parsed.rejected:
            self._metrics.rejected(rejection.cause for rejection in parsed.rejected)
        verdicts = self._buffer.offer(parsed.batch) if parsed.batch.series else None
        return Taken(parsed, verdicts, wishes, started)

    def reply(self, taken: Taken, verdicts: Verdicts | None) -> Reply:
        """The answer to a request whose good samples, if it had any, are committed."""
        parsed = taken.parsed
        text = answer(parsed, verdicts, with_verdicts=taken.wishes.verdicts)
        self._metrics.answered(time.perf_counter() - taken.started)
        if verdicts is not None and not (taken.wishes.strict and parsed.rejected):
            return Reply(200, text, JSON_HEADERS)
        kept = "the others are kept" if verdicts is not None else "none was kept"
        message = f"{len(parsed.rejected)} of {parsed.total} samples were rejected; {kept}"
        return Reply(400, with_error(message, text), JSON_HEADERS)
