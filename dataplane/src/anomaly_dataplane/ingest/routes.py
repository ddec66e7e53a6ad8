"""The aiohttp edge: the ingest handler, and the middleware that makes answers of errors.

`app.py` mounts both. Handlers raise the errors of `errors.py`; `reply.py` decides what they mean
to a sender, and so does this module for aiohttp's own.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from anomaly_dataplane.ingest.body import BodyReader
from anomaly_dataplane.ingest.intake import Intake, wishes
from anomaly_dataplane.ingest.reply import JSON_HEADERS, Reply, error_reply, failure
from anomaly_dataplane.readiness import Readiness
from anomaly_dataplane.telemetry import Telemetry

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_NO_QUERY: dict[str, str] = {}


class IngestHandler:
    """`POST /api/v1/ingest`: body -> samples -> admission -> buffer -> answer after the commit."""

    def __init__(self, bodies: BodyReader, intake: Intake) -> None:
        self._bodies = bodies
        self._intake = intake

    async def __call__(self, request: web.Request) -> web.Response:
        """Answer one request."""
        started = time.perf_counter()
        query = request.query if request.rel_url.raw_query_string else _NO_QUERY
        wanted = wishes(query, request.headers.get(hdrs.CONTENT_TYPE, ""))
        body = await self._bodies.read(request)
        taken = self._intake.take(body, wanted, started)
        verdicts = await taken.verdicts if taken.verdicts is not None else None
        return _response(self._intake.reply(taken, verdicts))


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
        except web.HTTPException as error:
            telemetry.bad_request(error.status)
            response = _response(_routing_error(request, error, paths))
        except ConnectionError:
            # The sender went away in the middle of its body. Nobody reads this answer.
            response = _response(error_reply(400, "the connection was lost"))
        except Exception as error:
            response = _response(failure(error, telemetry, request.path))
        if readiness.leaving:
            # A kept connection would go on to this pod long after its endpoint left the Service.
            response.force_close()
        return response

    return edge_middleware


def _response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, headers=reply.headers)


def _routing_error(request: web.Request, error: web.HTTPException, paths: Sequence[str]) -> Reply:
    if isinstance(error, web.HTTPNotFound):
        return error_reply(404, f"there is no {request.path}", paths=paths)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"{request.path} does not take {request.method}; it takes {allowed}"
        return error_reply(405, message, {**JSON_HEADERS, hdrs.ALLOW: allowed})
    return error_reply(error.status, error.reason)
