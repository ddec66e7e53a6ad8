"""aiohttp's connection, but for what it says of requests that are no HTTP.

`serve.py` makes all connections with it. aiohttp sends back the bytes around the fault and logs
them with a trace, up to a quarter of a megabyte for each; here it is a line in either place.
"""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http import HttpProcessingError

from anomaly_dataplane.ingest.reply import error_reply
from anomaly_dataplane.telemetry import Telemetry

_MAX_FAULT_CHARACTERS = 100

logger = logging.getLogger(__name__)


class HttpHandler(web.RequestHandler):
    """One connection."""

    __slots__ = ("_telemetry",)

    def __init__(self, server: web.Server, telemetry: Telemetry, **options: object) -> None:
        super().__init__(server, **options)  # type: ignore[arg-type]  # serve.py's, all known
        self._telemetry = telemetry

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that could not be parsed; its connection ends with it."""
        if not isinstance(exc, HttpProcessingError) or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        self._telemetry.bad_request(status)
        # The first line names the fault; those below show the bytes where it is.
        fault = exc.message.partition("\n")[0].rstrip(":")[:_MAX_FAULT_CHARACTERS]
        logger.info("refused what is no HTTP from %s: %s", request.remote, fault)
        reply = error_reply(status, f"this is not HTTP as it should be: {fault}")
        response = web.Response(status=status, body=reply.body, headers=reply.headers)
        response.force_close()
        return response
