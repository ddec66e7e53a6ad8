"""The aiohttp edge: the ingest handlers, and what makes answers of errors.

`app.py` mounts the ones, `serve.py` puts the other around each application. Handlers raise the
errors of `errors.py`; `reply.py` decides what they mean to a sender, and so does this module for
aiohttp's own.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import cast

from aiohttp import hdrs, web

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.http_response import respond
from anomaly_dataplane.ingest import receipts
from anomaly_dataplane.ingest.body import BodyReader
from anomaly_dataplane.ingest.gate import Gate
from anomaly_dataplane.ingest.intake import Endpoint
from anomaly_dataplane.ingest.protocol import Dialect, Facts, Other
from anomaly_dataplane.ingest.reply import JSON_HEADERS, Reply, error_reply, failure
from anomaly_dataplane.ingest.responses import Responses
from anomaly_dataplane.ingest.unpack import content_encoding
from anomaly_dataplane.readiness import Readiness
from anomaly_dataplane.telemetry import Telemetry

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PATHS = web.AppKey("paths", Sequence[str])
"""What there is in an application, told to who asks for something else."""

POSTS = web.AppKey("posts", Mapping[str, Handler])
"""Handlers of an application's POSTs by their whole path, where no part of it varies."""

_NO_QUERY: dict[str, str] = {}


class IngestHandler:
    """A POST of samples: body -> samples -> admission -> buffer -> answer after the commit."""

    def __init__(
        self, path: str, endpoint: Endpoint, bodies: BodyReader, telemetry: Telemetry
    ) -> None:
        self._path = path
        self._dialect = endpoint.dialect
        self._intake = endpoint.intake
        self._gate = endpoint.gate
        self._receipts = endpoint.receipts
        self._bodies = bodies
        self._telemetry = telemetry
        self._responses = Responses()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        started = time.perf_counter()
        # Not `_facts`, as a look at the URL's path costs more than all the rest of this.
        query = request.query if request.rel_url.raw_query_string else _NO_QUERY
        facts = Facts(self._path, query, request.headers)
        try:
            if self._gate is not None:
                self._gate.check(facts)
            call = self._dialect.call(facts)
            key = None if self._receipts is None else request.headers.get(receipts.HEADER)
            if self._receipts is None or key is None:
                body = await self._bodies.read(request, call.encoding)
                taken = self._intake.take(call, body, started)
            else:
                key = receipts.checked(key)
                body = await self._bodies.read(request, call.encoding)
                # The buffer does not count it before Redis has told whether it is a repeat.
                with self._bodies.held(len(body)):
                    taken = await self._intake.take_once(
                        call, body, started, path=self._path, key=key, receipts=self._receipts
                    )
            verdicts = await taken.verdicts if taken.verdicts is not None else None
            reply = self._intake.reply(taken, verdicts)
        except ConnectionError:
            raise
        except Exception as error:
            worded = partial(self._dialect.failed, facts)
            reply = failure(error, self._telemetry, facts.path, worded)
        return respond(request, reply, self._responses)


class OtherHandler:
    """What a protocol's clients ask beside sending samples."""

    def __init__(self, other: Other, bodies: BodyReader, telemetry: Telemetry, gate: Gate) -> None:
        self._other = other
        self._gate = gate
        self._bodies = bodies
        self._telemetry = telemetry

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        facts = _facts(request)
        try:
            if not self._other.is_open:
                self._gate.identify(facts)
            body = b""
            if request.can_read_body:
                body = await self._bodies.read(request, content_encoding(facts.headers))
            return _response(self._other.answer(facts, body))
        except ConnectionError:
            raise
        except Exception as error:
            worded = partial(self._other.dialect.failed, facts)
            return _response(failure(error, self._telemetry, request.path, worded))


def guarded(handler: Handler, gate: Gate) -> Handler:
    """The handler of a query, for who has a valid token."""

    async def handle(request: web.Request) -> web.StreamResponse:
        gate.identify(_facts(request))
        return await handler(request)

    return handle


class SwitchedOffHandler:
    """A path of a protocol that the pipeline does not take: 404, as the protocol words it."""

    def __init__(self, dialect: Dialect, telemetry: Telemetry, message: str) -> None:
        self._dialect = dialect
        self._telemetry = telemetry
        self._error = BadPayload(message, status=404)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        worded = partial(self._dialect.failed, _facts(request))
        return _response(failure(self._error, self._telemetry, request.path, worded))


def edge(
    application: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    telemetry: Telemetry,
    readiness: Readiness,
    paths: Sequence[str],
    posts: Mapping[str, Handler],
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """An application that answers every error in JSON, and sends clients away from a leaving pod.

    It stands around the application: a middleware costs each request more, and never sees what is
    refused before any handler is called.

    Args:
        application: takes each request.
        telemetry: counts the errors.
        readiness: says whether the pod leaves.
        paths: what there is, told to who asks for something else.
        posts: handlers of plain POSTs to these paths, which the application would find, too, but
            for the price of half of what the handler itself takes.
    """

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        try:
            handler = posts.get(request.raw_path) if request.method == hdrs.METH_POST else None
            if handler is None or hdrs.EXPECT in request.headers:
                response = await application(request)
            else:
                response = await handler(cast(web.Request, request))
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

    return answer


def _facts(request: web.Request) -> Facts:
    query = request.query if request.rel_url.raw_query_string else _NO_QUERY
    return Facts(request.path, query, request.headers)


def _response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, headers=reply.headers)


def _routing_error(
    request: web.BaseRequest, error: web.HTTPException, paths: Sequence[str]
) -> Reply:
    if isinstance(error, web.HTTPNotFound):
        return error_reply(404, f"there is no {request.path}", paths=paths)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"{request.path} does not take {request.method}; it takes {allowed}"
        return error_reply(405, message, {**JSON_HEADERS, hdrs.ALLOW: allowed})
    if isinstance(error, web.HTTPExpectationFailed):
        return error_reply(417, "the only Expect that is understood is 100-continue")
    return error_reply(error.status, error.reason)
