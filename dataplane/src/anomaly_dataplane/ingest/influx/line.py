"""One line of line protocol, read with all that the format allows, and worded where it is broken.

`parser.py` calls it for every line that its fast way does not know. Escapes are those of InfluxDB:
a backslash counts before a comma, a space or an equals sign (in a measurement before the first two)
and is a character like any other elsewhere. In quoted strings it counts before a quote.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anomaly_dataplane.ingest.known_series import MAX_LABELS
from anomaly_dataplane.ingest.parsed import BadSample, Cause, too_many

FORM = "a line is measurement,tag=value field=1.5 timestamp"

MAX_STRING_BYTES = 65_536
"""Of a quoted string, which is not scored; InfluxDB has the same bound."""

_MEASUREMENT = re.compile(rb"(?:[^,\\ ]|\\.)*+", re.DOTALL)
_NAME = re.compile(rb"(?:[^,=\\ ]|\\.)*+", re.DOTALL)
_SPACES = re.compile(rb" *+")
_BARE = re.compile(rb"[^, ]*+")
_STRING = re.compile(rb'(?:[^"\\]|\\.)*+"', re.DOTALL)
_BEFORE_STRING = re.compile(rb'(?:[^"\\=\n]|=(?!")|\\[^\n])*+')
_ESCAPED = re.compile(rb"\\([, =])")
_ESCAPED_IN_MEASUREMENT = re.compile(rb"\\([, ])")

_INTEGER = re.compile(rb"[+-]?[0-9]{1,20}[iu]")
_DECIMAL = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_STAMP = re.compile(rb"-?[0-9]{1,19}")
BOOLEANS = frozenset(
    {b"t", b"T", b"true", b"True", b"TRUE", b"f", b"F", b"false", b"False", b"FALSE"}
)
_MAX_NUMBER_BYTES = 400
"""Digits that a float64 can need; more are no measurement but an attempt to keep us busy."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a line says.

    Attributes:
        fields: names, as they are and as they came, and values of those that are numbers.
        passed_over: names, as they came, of strings and booleans.
        stamp: the timestamp in the request's unit, None without one.
        key: up to and with the last field's name, as it came, if the line has a single field.
        head: measurement and tags as they came.
    """

    measurement: str
    tags: Mapping[str, str]
    fields: Sequence[tuple[str, bytes, float]]
    passed_over: Sequence[bytes]
    stamp: int | None
    head: bytes
    key: bytes | None


def read_line(line: bytes, max_fields: int) -> Line | None:
    """What a line says; None if it is empty or a comment.

    Raises:
        BadSample: with the first fault found.
        BatchTooLarge: it has more fields than `max_fields`.
    """
    at = _end(_SPACES, line, 0)
    line = line.rstrip(b" \r\t")
    if at >= len(line) or line[at] == ord("#"):
        return None
    start, at = at, _end(_MEASUREMENT, line, at)
    measurement = _text(_ESCAPED_IN_MEASUREMENT, line[start:at])
    if not measurement:
        raise BadSample(Cause.SYNTAX, f"there is no measurement; {FORM}")
    tags, at = _tags(line, at)
    head = line[start:at]
    at = _end(_SPACES, line, at)
    if at >= len(line):
        raise BadSample(Cause.FIELD, f"there is no field; {FORM}")
    fields, passed_over, after_name, at = _fields(line, at, max_fields)
    plain = start == 0 and len(fields) + len(passed_over) == 1
    key = line[:after_name] if plain else None
    return Line(measurement, tags, fields, passed_over, _stamp(line, at), head, key)


def end_of_line(body: bytes, start: int) -> int:
    """Where the line that begins at `start` ends: at a line break that is in no string.

    A string that does not end, within its bound, holds no line break either: what is wrong with the
    one line must not swallow those after it.
    """
    first = end = _line_break(body, start)
    at = _end(_MEASUREMENT, body, start, end)
    while at < end and body[at] == ord(","):
        at = _end(_MEASUREMENT, body, at + 1, end)
    while True:
        at = _end(_BEFORE_STRING, body, at, end)
        if body[at : at + 2] != b'="':
            return end
        string = _STRING.match(body, at + 2, min(at + 2 + MAX_STRING_BYTES, len(body)))
        if string is None or body[string.end() : string.end() + 1] not in (b"", b",", b" ", b"\n"):
            return first
        at = string.end()
        if at > end:
            end = _line_break(body, at)


def _line_break(body: bytes, start: int) -> int:
    end = body.find(b"\n", start)
    return len(body) if end < 0 else end


def _tags(line: bytes, at: int) -> tuple[dict[str, str], int]:
    tags: dict[str, str] = {}
    while at < len(line) and line[at] == ord(","):
        start, at = at + 1, _end(_NAME, line, at + 1)
        name = _text(_ESCAPED, line[start:at])
        if not name:
            raise BadSample(Cause.SYNTAX, f"a tag has no name; {FORM}")
        if line[at : at + 1] != b"=":
            raise BadSample(Cause.SYNTAX, f"tag {name[:40]!r} has no value; {FORM}")
        start, at = at + 1, _end(_NAME, line, at + 1)
        value = _text(_ESCAPED, line[start:at])
        if not value:
            raise BadSample(Cause.SYNTAX, f"tag {name[:40]!r} has no value; leave it out")
        if line[at : at + 1] == b"=":
            raise BadSample(Cause.SYNTAX, f"tag {name[:40]!r} has a bare '='; write it as '\\='")
        if name in tags:
            raise BadSample(Cause.SYNTAX, f"tag {name[:40]!r} is there twice")
        if len(tags) == MAX_LABELS:
            raise BadSample(Cause.SERIES, f"has more than {MAX_LABELS} tags")
        tags[name] = value
    return tags, at


def _fields(
    line: bytes, at: int, most: int
) -> tuple[list[tuple[str, bytes, float]], list[bytes], int, int]:
    """The numbers, the names of what is none, and where the last name and all of it end."""
    fields: list[tuple[str, bytes, float]] = []
    passed_over: list[bytes] = []
    while True:
        start, at = at, _end(_NAME, line, at)
        after_name = at
        raw = line[start:at]
        name = _text(_ESCAPED, raw)
        if not name:
            raise BadSample(Cause.FIELD, f"a field has no name; {FORM}")
        if line[at : at + 1] != b"=":
            raise BadSample(Cause.FIELD, f"field {name[:40]!r} has no value; {FORM}")
        at += 1
        if line[at : at + 1] == b'"':
            string = _STRING.match(line, at + 1)
            if string is None or string.end() - at > MAX_STRING_BYTES:
                raise BadSample(Cause.SYNTAX, f"the string of field {name[:40]!r} does not end")
            at = string.end()
            if line[at : at + 1] not in (b"", b",", b" "):
                raise BadSample(Cause.SYNTAX, f"text behind the string of field {name[:40]!r}")
            passed_over.append(raw)
        else:
            start, at = at, _end(_BARE, line, at)
            value = _number(name, line[start:at])
            if value is None:
                passed_over.append(raw)
            else:
                fields.append((name, raw, value))
        if line[at : at + 1] != b",":
            return fields, passed_over, after_name, at
        if len(fields) + len(passed_over) > most:
            raise too_many(most)
        at += 1


def _number(name: str, text: bytes) -> float | None:
    """A field's value; None of a boolean."""
    if _INTEGER.fullmatch(text):
        return float(int(text[:-1]))
    if text in BOOLEANS:
        return None
    if len(text) <= _MAX_NUMBER_BYTES and _DECIMAL.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return value
    if not text:
        raise BadSample(Cause.VALUE, f"field {name[:40]!r} has no value; {FORM}")
    shown = text[:40].decode("utf-8", "replace")
    if text.lower().lstrip(b"+-") in (b"nan", b"inf", b"infinity"):
        raise BadSample(
            Cause.VALUE, f"field {name[:40]!r} is {shown}; line protocol has only finite numbers"
        )
    raise BadSample(
        Cause.VALUE,
        f"field {name[:40]!r} is {shown!r}, which is no number, no boolean and no quoted string",
    )


def _stamp(line: bytes, at: int) -> int | None:
    at = _end(_SPACES, line, at)
    text = line[at:]
    if not text:
        return None
    if not _STAMP.fullmatch(text):
        shown = text[:40].decode("utf-8", "replace")
        raise BadSample(Cause.TIMESTAMP, f"timestamp {shown!r} is no whole number")
    stamp = int(text)
    if stamp < 0:
        raise BadSample(Cause.TIMESTAMP, f"timestamp {stamp} is before 1970")
    return stamp


def _end(pattern: re.Pattern[bytes], text: bytes, at: int, until: int | None = None) -> int:
    """Where a match that may be empty ends."""
    match = pattern.match(text, at, len(text) if until is None else until)
    assert match is not None
    return match.end()


def _text(escaped: re.Pattern[bytes], raw: bytes) -> str:
    if b"\\" in raw:
        raw = escaped.sub(rb"\1", raw)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise BadSample(Cause.SYNTAX, f"not UTF-8 at byte {error.start} of a name") from None
