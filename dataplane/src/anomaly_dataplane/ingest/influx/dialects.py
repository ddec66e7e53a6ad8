"""How InfluxDB 1, 2 and 3 are written to, and how each of them words its answers.

`registry.py` lists them as one protocol. Good lines are kept beside bad ones, which are named line
by line; a sender that got a 400 drops the request, so nothing is gained by refusing the rest of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from anomaly_dataplane.contract import runtime
from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.answer import MAX_ERRORS
from anomaly_dataplane.ingest.influx import parser, service
from anomaly_dataplane.ingest.influx.parser import InfluxParser, Unit
from anomaly_dataplane.ingest.parsed import Parsed, Rejection
from anomaly_dataplane.ingest.protocol import Call, Dialect, Facts, Parts, WireProtocol
from anomaly_dataplane.ingest.reply import JSON_HEADERS, Reply
from anomaly_dataplane.ingest.unpack import content_encoding
from anomaly_dataplane.sample import Verdicts

_UNITS_1: Mapping[str, Unit] = {
    "": parser.NANOSECONDS,
    "n": parser.NANOSECONDS,
    "ns": parser.NANOSECONDS,
    "u": parser.MICROSECONDS,
    "us": parser.MICROSECONDS,
    "µ": parser.MICROSECONDS,  # micro sign
    "μ": parser.MICROSECONDS,  # Greek mu, which keyboards write
    "ms": parser.MILLISECONDS,
    "s": parser.SECONDS,
    "m": parser.MINUTES,
    "h": parser.HOURS,
}
_UNITS_3: Mapping[str, Unit] = {
    "": parser.BY_SIZE,
    "auto": parser.BY_SIZE,
    "nanosecond": parser.NANOSECONDS,
    "microsecond": parser.MICROSECONDS,
    "millisecond": parser.MILLISECONDS,
    "second": parser.SECONDS,
    **{name: unit for name, unit in _UNITS_1.items() if name},
}
_MAX_DATABASE_LENGTH = 1024
_MAX_HEADER_CHARACTERS = 200
_CODES_2 = {
    400: "invalid",
    401: "unauthorized",
    404: "not found",
    413: "invalid",
    415: "invalid",
    500: "internal error",
    503: "unavailable",
}
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")

_DONE = Reply(204, b"", {"X-Influxdb-Version": runtime.INFLUX_VERSION})


class _Words(Protocol):
    """How a version words what is wrong."""

    def partial(self, parsed: Parsed, kept: bool) -> Reply: ...


@dataclass(frozen=True, slots=True)
class InfluxCall:
    """One way of writing."""

    parser: InfluxParser
    words: _Words
    encoding: str
    unit: Unit
    database: str
    whole: bool = False

    def parse(self, body: bytes, now_ms: float) -> Parsed:
        parsed = self.parser.parse(body, unit=self.unit, database=self.database, now_ms=now_ms)
        parsed.whole = self.whole
        return parsed

    def committed(self, parsed: Parsed, verdicts: Verdicts | None) -> Reply:
        if not parsed.rejected:
            return _DONE
        return self.words.partial(parsed, verdicts is not None)


class Influx1:
    """`POST /write`."""

    def __init__(self, parser: InfluxParser) -> None:
        self._parser = parser

    def call(self, facts: Facts) -> Call:
        precision = facts.query.get("precision", "")
        if precision not in _UNITS_1:
            raise BadPayload(f"invalid precision {precision[:20]!r} (use n, u, ms, s, m or h)")
        encoding = content_encoding(facts.headers)
        database = _database(facts, "db")
        return InfluxCall(self._parser, self, encoding, _UNITS_1[precision], database)

    def failed(self, facts: Facts, status: int, message: str) -> Reply:
        headers = {
            **JSON_HEADERS,
            "X-Influxdb-Version": runtime.INFLUX_VERSION,
            # A header has one line, and not of any length.
            "X-Influxdb-Error": _UNPRINTABLE.sub("?", message)[:_MAX_HEADER_CHARACTERS],
        }
        return Reply(status, msgspec.json.encode({"error": message}), headers)

    def partial(self, parsed: Parsed, kept: bool) -> Reply:
        told = _lines(parsed.rejected)
        if kept:
            told = f"partial write: {told} dropped={len(parsed.rejected)}"
        else:
            told = f"unable to parse {told} dropped={len(parsed.rejected)}"
        return self.failed(Facts("", {}, {}), 400, told)


class Influx2:
    """`POST /api/v2/write`."""

    def __init__(self, parser: InfluxParser, max_body_bytes: int) -> None:
        self._parser = parser
        self._max_body_bytes = max_body_bytes

    def call(self, facts: Facts) -> Call:
        # Telegraf's own listener takes what it does not know for nanoseconds, and so do we.
        unit = _UNITS_1.get(facts.query.get("precision", ""), parser.NANOSECONDS)
        encoding = content_encoding(facts.headers)
        return InfluxCall(self._parser, self, encoding, unit, _database(facts, "bucket", "db"))

    def failed(self, facts: Facts, status: int, message: str) -> Reply:
        error: dict[str, object] = {"code": _CODES_2.get(status, "invalid"), "message": message}
        if status == 413:
            error["maxLength"] = self._max_body_bytes
        return Reply(status, msgspec.json.encode(error), JSON_HEADERS)

    def partial(self, parsed: Parsed, kept: bool) -> Reply:
        told = _summary(parsed, kept)
        error = {"code": "invalid", "message": f"{told}: {_lines(parsed.rejected)}"}
        first = parsed.rejected[0].line
        if first is not None:
            error["line"] = first  # type: ignore[assignment]  # a number, as InfluxDB has it
        return Reply(400, msgspec.json.encode(error), JSON_HEADERS)


class Influx3:
    """`POST /api/v3/write_lp`."""

    def __init__(self, parser: InfluxParser) -> None:
        self._parser = parser

    def call(self, facts: Facts) -> Call:
        precision = facts.query.get("precision", "")
        if precision not in _UNITS_3:
            raise BadPayload(
                f"unknown precision {precision[:20]!r}; use auto, nanosecond, microsecond, "
                "millisecond or second"
            )
        partial = facts.query.get("accept_partial", "true").lower()
        if partial not in ("true", "false"):
            raise BadPayload(f"accept_partial must be true or false, not {partial[:20]!r}")
        encoding = content_encoding(facts.headers)
        database = _database(facts, "db")
        return InfluxCall(
            self._parser, self, encoding, _UNITS_3[precision], database, whole=partial == "false"
        )

    def failed(self, facts: Facts, status: int, message: str) -> Reply:
        return Reply(status, msgspec.json.encode({"error": message, "data": None}), JSON_HEADERS)

    def partial(self, parsed: Parsed, kept: bool) -> Reply:
        data = [
            {"line_number": each.line, "error_message": each.reason}
            for each in parsed.rejected[:MAX_ERRORS]
        ]
        error = "partial write of line protocol occurred" if kept else _summary(parsed, kept)
        return Reply(400, msgspec.json.encode({"error": error, "data": data}), JSON_HEADERS)


def protocol(parts: Parts) -> WireProtocol:
    """Line protocol in all three versions."""
    lines = InfluxParser(parts.table, parts.max_samples)
    first = Influx1(lines)
    second = Influx2(lines, parts.limits.max_body_bytes)
    dialects: dict[str, Dialect] = {
        runtime.PATH_INFLUX_1: first,
        runtime.PATH_INFLUX_2: second,
        runtime.PATH_INFLUX_3: Influx3(lines),
        runtime.PATH_INFLUX_ALIAS + runtime.PATH_INFLUX_1: first,
        runtime.PATH_INFLUX_ALIAS + runtime.PATH_INFLUX_2: second,
    }
    return WireProtocol("influx", dialects, service.others(first, second, parts.ready))


def _database(facts: Facts, *names: str) -> str:
    """The first of these parameters that there is; it becomes a label."""
    for name in names:
        if database := facts.query.get(name):
            if len(database) > _MAX_DATABASE_LENGTH:
                raise BadPayload(f"{name} has more than {_MAX_DATABASE_LENGTH} characters")
            return database
    return ""


def _summary(parsed: Parsed, kept: bool) -> str:
    count = len(parsed.rejected)
    ending = "the others are kept" if kept else "nothing was kept"
    return f"{count} {'line was' if count == 1 else 'lines were'} rejected, {ending}"


def _lines(rejected: list[Rejection]) -> str:
    """The reasons, each with its line."""
    told = [
        f"line {each.line}: {each.reason}" if each.line is not None else each.reason
        for each in rejected[:MAX_ERRORS]
    ]
    return "; ".join(told)
