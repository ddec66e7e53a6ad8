"""How OTLP/HTTP asks and what it understands as an answer.

`registry.py` lists it. Answers are in the encoding of the request, protobuf or JSON. What was taken
is 200, also when some of its points were not: senders are told by `partialSuccess` and must not
send those again. Errors are a `google.rpc.Status`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from aiohttp import hdrs

from anomaly_dataplane.contract.runtime import PATHS_OTLP
from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.later import LaterParser, Parser
from anomaly_dataplane.ingest.otlp.text import TextParser
from anomaly_dataplane.ingest.parsed import Parsed
from anomaly_dataplane.ingest.protocol import Call, Facts, Parts, WireProtocol
from anomaly_dataplane.ingest.reply import Reply
from anomaly_dataplane.ingest.unpack import content_encoding
from anomaly_dataplane.sample import Code, Verdicts

BINARY = "application/x-protobuf"
TEXT = "application/json"

_MAX_REASONS = 10

_GRPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 413: 8, 415: 3, 500: 13, 503: 14}
"""What `google.rpc.Code` calls a status: INVALID_ARGUMENT, UNAUTHENTICATED and so on."""
_UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Encoding:
    """How requests and answers are written.

    Attributes:
        partly: writes a response that says how many points were rejected, and why.
        status: writes a `google.rpc.Status` of a code and a message.
    """

    content_type: str
    success: bytes
    partly: Callable[[int, str], bytes]
    status: Callable[[int, str], bytes]

    def reply(self, status: int, body: bytes) -> Reply:
        """An answer in this encoding."""
        return Reply(status, body, {hdrs.CONTENT_TYPE: self.content_type})


@dataclass(frozen=True, slots=True)
class OtlpCall:
    """A request in one encoding."""

    parser: Parser
    writing: Encoding
    encoding: str

    def parse(self, body: bytes, now_ms: float) -> Parsed:
        return self.parser.parse(body)

    def committed(self, parsed: Parsed, verdicts: Verdicts | None) -> Reply:
        late = verdicts.codes.count(Code.LATE) if verdicts is not None else 0
        rejected = len(parsed.rejected) + late
        if not rejected:
            return self.writing.reply(200, self.writing.success)
        return self.writing.reply(200, self.writing.partly(rejected, _told(parsed, late)))


class OtlpDialect:
    """`POST /v1/metrics`."""

    def __init__(self, binary: Parser, text: Parser) -> None:
        self._ways = {BINARY: (binary, _BINARY), TEXT: (text, _TEXT)}

    def call(self, facts: Facts) -> Call:
        way = self._ways.get(_media_type(facts))
        if way is None:
            said = facts.headers.get(hdrs.CONTENT_TYPE, "")[:100]
            raise BadPayload(
                f"Content-Type {said!r} is not understood; send {BINARY} or {TEXT}", status=415
            )
        return OtlpCall(*way, content_encoding(facts.headers))

    def failed(self, facts: Facts, status: int, message: str) -> Reply:
        writing = _BINARY if _media_type(facts) == BINARY else _TEXT
        return writing.reply(status, writing.status(_GRPC_CODES.get(status, _UNKNOWN), message))


def protocol(parts: Parts) -> WireProtocol:
    """OTLP/HTTP metrics."""

    def binary() -> Parser:
        from anomaly_dataplane.ingest.otlp.binary import BinaryParser

        return BinaryParser(parts.table, parts.max_samples)

    dialect = OtlpDialect(LaterParser(binary), TextParser(parts.table, parts.max_samples))
    return WireProtocol("otlp", dict.fromkeys(PATHS_OTLP, dialect))


def _media_type(facts: Facts) -> str:
    return facts.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()


def _told(parsed: Parsed, late: int) -> str:
    """Why points were rejected: each reason once, and how often."""
    counted: dict[str, int] = {}
    for rejection in parsed.rejected:
        counted[rejection.reason] = counted.get(rejection.reason, 0) + 1
    if late:
        counted["later than spec.ingest.allowedLateness, or than what the window still holds"] = (
            late
        )
    told = [f"{count} x {reason}" for reason, count in list(counted.items())[:_MAX_REASONS]]
    return "; ".join([*told, *(["…"] if len(counted) > _MAX_REASONS else [])])


def _partly_binary(rejected: int, message: str) -> bytes:
    from anomaly_dataplane.ingest.otlp.messages_pb2 import (
        ExportMetricsPartialSuccess,
        ExportMetricsServiceResponse,
    )

    partly = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=message)
    return ExportMetricsServiceResponse(partial_success=partly).SerializeToString()


def _status_binary(code: int, message: str) -> bytes:
    from anomaly_dataplane.ingest.otlp.messages_pb2 import Status

    return Status(code=code, message=message).SerializeToString()


def _partly_text(rejected: int, message: str) -> bytes:
    # JSON of protobuf has whole numbers of 64 bits as text.
    partly = {"rejectedDataPoints": str(rejected), "errorMessage": message}
    return msgspec.json.encode({"partialSuccess": partly})


def _status_text(code: int, message: str) -> bytes:
    return msgspec.json.encode({"code": code, "message": message})


_BINARY = Encoding(BINARY, b"", _partly_binary, _status_binary)
_TEXT = Encoding(TEXT, b"{}", _partly_text, _status_text)
