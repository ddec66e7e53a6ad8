"""How Prometheus asks for a remote write and what it understands as an answer.

`registry.py` lists it. Both versions come to the same paths; the content type tells them apart. A
sender retries on 5xx alone, and takes from the headers of any answer how much of what it sent is
kept: without them one of version 2.0 believes that nothing is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import hdrs

from anomaly_dataplane.contract.runtime import PATH_REMOTE_WRITE, PATH_REMOTE_WRITE_PUSH
from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.later import LaterParser, Parser
from anomaly_dataplane.ingest.parsed import Parsed, Rejection
from anomaly_dataplane.ingest.protocol import Call, Facts, Parts, WireProtocol
from anomaly_dataplane.ingest.reply import Reply
from anomaly_dataplane.ingest.unpack import SNAPPY, content_encoding
from anomaly_dataplane.sample import Code, Verdicts

MESSAGE_V1 = "prometheus.WriteRequest"
MESSAGE_V2 = "io.prometheus.write.v2.Request"

SAMPLES_WRITTEN = "X-Prometheus-Remote-Write-Samples-Written"
HISTOGRAMS_WRITTEN = "X-Prometheus-Remote-Write-Histograms-Written"
EXEMPLARS_WRITTEN = "X-Prometheus-Remote-Write-Exemplars-Written"

_MEDIA_TYPE = "application/x-protobuf"
_TEXT = "text/plain; charset=utf-8"
_MAX_TEXT = 1000
"""Characters of an error. Prometheus logs the first 1024 bytes."""


@dataclass(frozen=True, slots=True)
class RemoteWriteCall:
    """A request of one version."""

    parser: Parser
    encoding: str = SNAPPY

    def parse(self, body: bytes, now_ms: float) -> Parsed:
        return self.parser.parse(body)

    def committed(self, parsed: Parsed, verdicts: Verdicts | None) -> Reply:
        late = verdicts.codes.count(Code.LATE) if verdicts is not None else 0
        # What says that a series has ended or has no value was taken at its word.
        written = len(parsed.batch) - late + len(parsed.closed) + parsed.valueless
        if not parsed.rejected:
            return Reply(204, b"", _written(written))
        return _refusal(400, _told(parsed, len(parsed.batch)), written)


class RemoteWriteDialect:
    """`POST /api/v1/write`."""

    def __init__(self, v1: Parser, v2: Parser) -> None:
        self._v1 = RemoteWriteCall(v1)
        self._calls = {MESSAGE_V1: self._v1, MESSAGE_V2: RemoteWriteCall(v2)}

    def call(self, facts: Facts) -> Call:
        # An empty header is as good as none, as in Prometheus.
        content_encoding(facts.headers, understood=("", SNAPPY), told=SNAPPY)
        content_type = facts.headers.get(hdrs.CONTENT_TYPE)
        if not content_type:
            return self._v1
        media_type, *parameters = (part.strip() for part in content_type.split(";"))
        message = _parameter("proto", parameters) or MESSAGE_V1
        if media_type.lower() != _MEDIA_TYPE or message not in self._calls:
            raise BadPayload(
                f"Content-Type {content_type[:100]!r} is not understood; send {_MEDIA_TYPE}, with "
                f"proto={MESSAGE_V1} or proto={MESSAGE_V2}",
                status=415,
            )
        return self._calls[message]

    def failed(self, facts: Facts, status: int, message: str) -> Reply:
        return _refusal(status, message, 0)


def protocol(parts: Parts) -> WireProtocol:
    """Prometheus remote write."""

    def v1() -> Parser:
        from anomaly_dataplane.ingest.remote_write.v1 import ParserV1

        return ParserV1(parts.table, parts.max_samples)

    def v2() -> Parser:
        from anomaly_dataplane.ingest.remote_write.v2 import ParserV2

        return ParserV2(parts.table, parts.max_samples)

    dialect = RemoteWriteDialect(LaterParser(v1), LaterParser(v2))
    return WireProtocol(
        "remote_write", {PATH_REMOTE_WRITE: dialect, PATH_REMOTE_WRITE_PUSH: dialect}
    )


def _parameter(name: str, parameters: Sequence[str]) -> str:
    """The value of a parameter of a content type; empty if it is not there."""
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"')
    return ""


def _told(parsed: Parsed, kept: int) -> str:
    """How many samples were rejected and why, the first of them at least."""
    fate = "the others are kept" if kept else "none was kept"
    text = f"{len(parsed.rejected)} of {parsed.total} samples were rejected; {fate}"
    separator = ": "
    for rejection in parsed.rejected:
        text += separator + _worded(rejection)
        separator = "; "
        if len(text) > _MAX_TEXT:
            return text[:_MAX_TEXT] + "…"
    return text


def _worded(rejection: Rejection) -> str:
    return f"sample {rejection.index}: {rejection.reason}"


def _refusal(status: int, message: str, written: int) -> Reply:
    return Reply(status, message.encode(), {hdrs.CONTENT_TYPE: _TEXT, **_written(written)})


def _written(samples: int) -> Mapping[str, str]:
    return {SAMPLES_WRITTEN: str(samples), HISTOGRAMS_WRITTEN: "0", EXEMPLARS_WRITTEN: "0"}
