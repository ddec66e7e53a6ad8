"""The HTTP edge: the ingest handler, and the only place where status codes are decided.

`app.py` mounts both. Handlers raise the errors of `errors.py`; the middleware makes answers of them
and of aiohttp's own, always JSON with `error`, always saying what would be right.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from anomaly_dataplane.buffer import Buffer
from anomaly_dataplane.contract.config import Ingest
from anomaly_dataplane.contract.runtime import RETRY_AFTER_SECONDS
from anomaly_dataplane.errors import BadPayload, Refused
from anomaly_dataplane.ingest.admission import admit
from anomaly_dataplane.ingest.answer import answer, with_error
from anomaly_dataplane.ingest.body import BodyReader
from anomaly_dataplane.ingest.native import LINES_TYPES, NativeParser
from anomaly_dataplane.parameters import Parameters
from anomaly_dataplane.readiness import Readiness
from anomaly_dataplane.telemetry import ProtocolMetrics, Telemetry

JSON_HEADERS: dict[str, str] = {hdrs.CONTENT_TYPE: "application/json"}
_REFUSED_HEADERS: dict[str, str] = {**JSON_HEADERS, hdrs.RETRY_AFTER: str(RETRY_AFTER_SECONDS)}

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class IngestHandler:
    """`POST /api/v1/ingest`: body -> samples -> admission -> buffer -> answer after the commit."""

    def __init__(
        self,
        limits: Ingest,
        bodies: BodyReader,
        parser: NativeParser,
        buffer: Buffer,
        metrics: ProtocolMetrics,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits
        self._bodies = bodies
        self._parser = parser
        self._buffer = buffer
        self._metrics = metrics
        self._wall_clock = wall_clock

    async def __call__(self, request: web.Request) -> web.Response:
        """Answer one request."""
        started = time.perf_counter()
        with_verdicts = strict = False
        if "?" in request.path_qs:
            parameters = Parameters(request.query, known=("verdicts", "strict"))
            with_verdicts = parameters.flag("verdicts")
            strict = parameters.flag("strict")
            parameters.check()
        body = await self._bodies.read(request)
        now_ms = self._wall_clock() * 1e3
        media_type = request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
        parsed = self._parser.parse(body, lines=media_type in LINES_TYPES, now_ms=now_ms)
        parsed = admit(parsed, now_ms, self._limits.max_future_seconds)
        self._metrics.received(parsed.total)
        if parsed.rejected:
            self._metrics.rejected(rejection.cause for rejection in parsed.rejected)
        verdicts = await self._buffer.offer(parsed.batch) if len(parsed.batch) else None
        text = answer(parsed, verdicts, with_verdicts=with_verdicts)
        self._metrics.answered(time.perf_counter() - started)
        if verdicts is not None and not (strict and parsed.rejected):
            return web.Response(body=text, headers=JSON_HEADERS)
        kept = "the others are kept" if verdicts is not None else "none was kept"
        message = f"{len(parsed.rejected)} of {parsed.total} samples were rejected; {kept}"
        return web.Response(status=400, body=with_error(message, text), headers=JSON_HEADERS)


def edge(telemetry: Telemetry, readiness: Readiness, paths: Sequence[str]) -> Middleware:
    """A middleware that answers every error in JSON, and sends clients away from a leaving pod.

    Args:
        telemetry: counts the errors.
        readiness: says whether the pod leaves.
        paths: what there is, told to who asks for something else.
    """

    @web.middleware
    async def edge_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except Refused as error:
            telemetry.refused(error.reason)
            response = _error(503, str(error), _REFUSED_HEADERS)
        except BadPayload as error:
            telemetry.bad_request(error.status)
            response = _error(error.status, str(error))
        except web.HTTPException as error:
            telemetry.bad_request(error.status)
            response = _routing_error(request, error, paths)
        except ConnectionError:
            # The sender went away in the middle of its body. Nobody reads this answer.
            response = _error(400, "the connection was lost")
        except Exception:
            telemetry.defect()
            logger.exception("request failed", extra={"path": request.path})
            response = _error(500, "internal error; the log of the pod has the details")
        if readiness.leaving:
            # A kept connection would go on to this pod long after its endpoint left the Service.
            response.force_close()
        return response

    return edge_middleware


def _routing_error(
    request: web.Request, error: web.HTTPException, paths: Sequence[str]
) -> web.Response:
    if isinstance(error, web.HTTPNotFound):
        return _error(404, f"there is no {request.path}", paths=paths)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"{request.path} does not take {request.method}; it takes {allowed}"
        return _error(405, message, {**JSON_HEADERS, hdrs.ALLOW: allowed})
    return _error(error.status, error.reason)


def _error(
    status: int, message: str, headers: dict[str, str] = JSON_HEADERS, **more: object
) -> web.Response:
    body = msgspec.json.encode({"error": message, **more})
    return web.Response(status=status, body=body, headers=headers)
