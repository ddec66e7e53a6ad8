"""How the native JSON protocol is asked and how it answers.

`registry.py` lists it. A request with a few bad samples is a success that names them: a sender that
repeats whatever is no 2xx would else repeat the whole of it for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import hdrs

from anomaly_dataplane.contract.runtime import PATH_BACKFILL, PATH_INGEST
from anomaly_dataplane.ingest.answer import answer, with_error
from anomaly_dataplane.ingest.history import as_history
from anomaly_dataplane.ingest.native import LINES_TYPES, NativeParser
from anomaly_dataplane.ingest.parsed import Parsed
from anomaly_dataplane.ingest.protocol import Call, Facts, Parts, WireProtocol
from anomaly_dataplane.ingest.reply import JSON_HEADERS, Reply, error_reply
from anomaly_dataplane.ingest.unpack import content_encoding
from anomaly_dataplane.parameters import Parameters
from anomaly_dataplane.sample import Verdicts

_JSON = "application/json"


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


@dataclass(frozen=True, slots=True)
class NativeCall:
    """One way of asking."""

    parser: NativeParser
    encoding: str
    wishes: Wishes

    def parse(self, body: bytes, now_ms: float) -> Parsed:
        return self.parser.parse(body, lines=self.wishes.lines, now_ms=now_ms)

    def committed(self, parsed: Parsed, verdicts: Verdicts | None) -> Reply:
        text = answer(parsed, verdicts, with_verdicts=self.wishes.verdicts)
        nothing_kept = verdicts is None and parsed.total > 0
        if not nothing_kept and not (self.wishes.strict and parsed.rejected):
            return Reply(200, text, JSON_HEADERS)
        kept = "the others are kept" if verdicts is not None else "none was kept"
        message = f"{len(parsed.rejected)} of {parsed.total} samples were rejected; {kept}"
        return Reply(400, with_error(message, text), JSON_HEADERS)


class HistoryCall(NativeCall):
    """The same for samples of the past, to learn from."""

    def parse(self, body: bytes, now_ms: float) -> Parsed:
        return as_history(super().parse(body, now_ms), now_ms)


class NativeDialect:
    """`POST /api/v1/ingest`, and with `HistoryCall` `POST /api/v1/backfill`."""

    def __init__(self, parser: NativeParser, kind: type[NativeCall] = NativeCall) -> None:
        self._parser = parser
        self._kind = kind
        self._usual = kind(parser, "", Wishes())

    def call(self, facts: Facts) -> Call:
        encoding = content_encoding(facts.headers)
        content_type = facts.headers.get(hdrs.CONTENT_TYPE, "")
        if not (encoding or facts.query) and (not content_type or content_type == _JSON):
            return self._usual
        return self._kind(self._parser, encoding, _wishes(facts.query, content_type))

    def failed(self, facts: Facts, status: int, message: str) -> Reply:
        return error_reply(status, message)


def protocol(parts: Parts) -> WireProtocol:
    """The native protocol."""
    parser = NativeParser(parts.table, parts.max_samples)
    dialects = {
        PATH_INGEST: NativeDialect(parser),
        PATH_BACKFILL: NativeDialect(parser, HistoryCall),
    }
    return WireProtocol("json", dialects, idempotency_keys=True)


def _wishes(query: Mapping[str, str], content_type: str) -> Wishes:
    parameters = Parameters(query, known=("verdicts", "strict"))
    lines = content_type.partition(";")[0].strip().lower() in LINES_TYPES
    wanted = Wishes(lines, parameters.flag("verdicts"), parameters.flag("strict"))
    parameters.check()
    return wanted
