"""What goes back to a sender, and the only place where an error becomes a status code.

`intake.py` makes replies of what was committed, `routes.py` of errors too; both only wrap them in
their framework's response. Every error is JSON with `error`, which says what would be right.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from aiohttp import hdrs

from anomaly_dataplane.contract.runtime import RETRY_AFTER_SECONDS
from anomaly_dataplane.errors import BadPayload, Refused
from anomaly_dataplane.telemetry import Telemetry

JSON_HEADERS: dict[str, str] = {hdrs.CONTENT_TYPE: "application/json"}
_REFUSED_HEADERS: dict[str, str] = {**JSON_HEADERS, hdrs.RETRY_AFTER: str(RETRY_AFTER_SECONDS)}

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


def failure(error: Exception, telemetry: Telemetry, path: str) -> Reply:
    """Count what went wrong with a request and tell its sender; a defect of ours is logged too."""
    if isinstance(error, Refused):
        telemetry.refused(error.reason)
        return error_reply(503, str(error), _REFUSED_HEADERS)
    if isinstance(error, BadPayload):
        telemetry.bad_request(error.status)
        return error_reply(error.status, str(error))
    telemetry.defect()
    logger.error("request failed", exc_info=error, extra={"path": path})
    return error_reply(500, "internal error; the log of the pod has the details")
