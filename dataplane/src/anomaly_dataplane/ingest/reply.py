"""What goes back to a sender, and the only place where an error becomes a status code.

The dialects of the protocols make replies; `routes.py` and `front/` only wrap them in a response.
What belongs to no protocol is answered in JSON with `error`, which says what would be right.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from aiohttp import hdrs

from anomaly_dataplane.errors import BadPayload, Refused
from anomaly_dataplane.telemetry import Telemetry

JSON_HEADERS: dict[str, str] = {hdrs.CONTENT_TYPE: "application/json"}

_AUTHENTICATE: dict[str, str] = {hdrs.WWW_AUTHENTICATE: 'Basic realm="anomaly-pipeline"'}
"""Any of the other forms will do, too, but this one a browser knows to ask for."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Reply:
    """An answer before any framework made a response of it."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def error_reply(
    status: int, message: str, headers: Mapping[str, str] = JSON_HEADERS, **more: object
) -> Reply:
    """The answer to a request that is not taken."""
    return Reply(status, msgspec.json.encode({"error": message, **more}), headers)


def failure(
    error: Exception,
    telemetry: Telemetry,
    path: str,
    worded: Callable[[int, str], Reply] = error_reply,
) -> Reply:
    """Count what went wrong with a request and tell its sender; a defect of ours is logged too.

    Args:
        error: what happened.
        telemetry: counts it.
        path: that was asked for.
        worded: makes the answer of a status and a message, as its protocol wants it.
    """
    if isinstance(error, Refused):
        telemetry.refused(error.reason)
        reply = worded(503, str(error))
        wait: dict[str, str] = {hdrs.RETRY_AFTER: str(error.retry_after_seconds)}
        return Reply(503, reply.body, {**reply.headers, **wait})
    if isinstance(error, BadPayload):
        telemetry.bad_request(error.status)
        reply = worded(error.status, str(error))
        if error.status == 401:
            return Reply(401, reply.body, {**reply.headers, **_AUTHENTICATE})
        return reply
    telemetry.defect()
    logger.error("request failed", exc_info=error, extra={"path": path})
    return worded(500, "internal error; the log of the pod has the details")
