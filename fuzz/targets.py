"""What is fuzzed, and what must hold whatever comes in.

A parser may take an input, name what is wrong with some of it, or refuse it with BadPayload. All
else is a finding: another exception, columns that do not fit, a status that a sender should not
get, or an input that takes longer than its size can explain.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from anomaly_dataplane.contract.config import PipelineConfig, parse
from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.admission import admit
from anomaly_dataplane.ingest.parsed import Parsed
from anomaly_dataplane.ingest.protocol import Dialect, Facts, Parts
from anomaly_dataplane.ingest.registry import PROTOCOLS
from anomaly_dataplane.ingest.unpack import unpack
from anomaly_dataplane.mqtt.messages import Message, MessageParser
from anomaly_dataplane.sample import LARGEST_VALUE, Verdicts
from anomaly_dataplane.series import SeriesTable

NOW_MS = 1_767_225_600_000.0
MAX_BYTES = 65_536
MAX_SAMPLES = 2_000
STATUSES_OF_REFUSALS = frozenset({400, 401, 413, 415})
LARGEST_ANSWER_BYTES = 1_000_000


class Finding(AssertionError):
    """Something that must not happen did."""


@dataclass(slots=True)
class Tally:
    """What became of the inputs of a target."""

    inputs: int = 0
    taken: int = 0
    partly: int = 0
    refused: int = 0
    slowest_seconds: float = 0.0
    slowest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """One way for bytes to come in.

    Attributes:
        name: protocol, path and how it was asked.
        feed: puts one input through, and counts; raises Finding, or whatever the parser does.
        tally: what feed counts in.
        protocol: whose seeds suit it.
    """

    name: str
    feed: Callable[[bytes], None]
    tally: Tally
    protocol: str


def targets() -> list[Target]:
    """All of them: each path of each protocol, asked in each way, and what is not HTTP."""
    config = parse({"ingest": {"maxBodyBytes": MAX_BYTES}, "buffer": {"maxSamples": MAX_SAMPLES}})
    parts = Parts(SeriesTable(4, limit=10_000), config.ingest, MAX_SAMPLES)
    found = []
    for protocol in (build(parts) for build in PROTOCOLS.values()):
        for path, dialect in protocol.dialects.items():
            for facts in _ways(protocol.label, path):
                how = " ".join((*facts.headers.values(), *facts.query.values()))
                tally = Tally()
                feed = _http(dialect, facts, config, tally)
                found.append(Target(f"{path} {how}".strip(), feed, tally, protocol.label))
    return [*found, _mqtt(parts.table, config), _gzip()]


def check(parsed: Parsed) -> None:
    """Raise Finding unless the columns and the rejections fit each other."""
    batch = parsed.batch
    if not len(batch.series) == len(batch.times) == len(batch.values):
        raise Finding("columns of different lengths")
    if not all(map(math.isfinite, batch.times)):
        raise Finding("a time that is not finite")
    if batch.times and min(batch.times) < 0:
        raise Finding("a time before 1970")
    indices = [rejection.index for rejection in parsed.rejected]
    if indices != sorted(set(indices)):
        raise Finding(f"rejections out of order or twice: {indices[:20]}")
    if indices and not 0 <= indices[0] <= indices[-1] < parsed.total:
        raise Finding(f"a rejection beyond the {parsed.total} samples: {indices[-1]}")
    if len(parsed.positions()) != len(batch.series):
        raise Finding("positions that do not fit the batch")


def _http(
    dialect: Dialect, facts: Facts, config: PipelineConfig, tally: Tally
) -> Callable[[bytes], None]:
    def feed(body: bytes) -> None:
        tally.inputs += 1
        try:
            call = dialect.call(facts)
            if call.encoding:
                # Most inputs are packed well, so that something gets past the unpacking.
                body = unpack(_packed(body, call.encoding), call.encoding, MAX_BYTES)
            parsed = call.parse(body, NOW_MS)
        except BadPayload as bad:
            if bad.status not in STATUSES_OF_REFUSALS:
                raise Finding(f"refused with {bad.status}") from bad
            reply = dialect.failed(facts, bad.status, str(bad))
            if reply.status != bad.status or len(reply.body) > LARGEST_ANSWER_BYTES:
                raise Finding(f"{bad.status} answered with {reply.status}") from bad
            tally.refused += 1
            return
        check(parsed)
        if parsed.total > MAX_SAMPLES:
            raise Finding(f"{parsed.total} samples of {MAX_SAMPLES}")
        admitted = admit(parsed, NOW_MS, config.ingest.max_future_seconds)
        check(admitted)
        _check_admitted(admitted, parsed.total)
        samples = len(admitted.batch.series)
        reply = call.committed(admitted, Verdicts.empty(samples) if samples else None)
        if not (200 <= reply.status < 300 or reply.status == 400):
            raise Finding(f"{reply.status} once committed")
        if len(reply.body) > LARGEST_ANSWER_BYTES:
            raise Finding(f"an answer of {len(reply.body)} bytes")
        tally.taken += bool(samples) and not admitted.rejected
        tally.partly += bool(admitted.rejected)

    return feed


def _check_admitted(admitted: Parsed, total: int) -> None:
    if admitted.total != total:
        raise Finding(f"{total} samples became {admitted.total}")
    values = admitted.batch.values
    # NaN fails the comparison, so it would be found too.
    if not all(-LARGEST_VALUE <= value <= LARGEST_VALUE for value in values):
        raise Finding("a value that is no number, or too large for its window")


def _mqtt(table: SeriesTable, config: PipelineConfig) -> Target:
    parser = MessageParser(
        table, ["a/{site}/{device}/{metric}", "b/{device}/#"], MAX_BYTES, MAX_SAMPLES
    )
    tally = Tally()

    def feed(data: bytes) -> None:
        tally.inputs += 1
        head, _, payload = data.partition(b"\n")
        topic = head.decode("utf-8", "replace") if head.count(b"/") == 3 else "a/roof/t-1/temp"
        parsed = parser.parse([Message(topic, payload or head)], NOW_MS)
        check(parsed)
        admitted = admit(parsed, NOW_MS, config.ingest.max_future_seconds)
        _check_admitted(admitted, parsed.total)
        if not parsed.total:
            raise Finding("a message that was neither taken nor refused")
        tally.taken += not admitted.rejected
        tally.partly += bool(admitted.rejected)

    return Target("mqtt messages", feed, tally, "mqtt")


def _gzip() -> Target:
    tally = Tally()

    def feed(data: bytes) -> None:
        tally.inputs += 1
        encoding = ("gzip", "deflate", "identity")[len(data) % 3]
        try:
            content = unpack(data, encoding, MAX_BYTES)
        except BadPayload as bad:
            if bad.status not in STATUSES_OF_REFUSALS:
                raise Finding(f"refused with {bad.status}") from bad
            tally.refused += 1
        else:
            if encoding != "identity" and len(content) > MAX_BYTES:
                raise Finding(f"{len(content)} bytes came out; {MAX_BYTES} are allowed")
            tally.taken += 1

    return Target("gzip and deflate", feed, tally, "gzip")


def _packed(body: bytes, encoding: str) -> bytes:
    if len(body) % 4 == 0:
        return body
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.compress(body, 1, 31 if "gzip" in encoding else 15)
    return snappy_literals(body) if encoding == "snappy" else body


def snappy_literals(content: bytes) -> bytes:
    """A snappy block that holds its content as it is."""
    out = bytearray(varint(len(content)))
    for start in range(0, len(content), 60):
        piece = content[start : start + 60]
        out += bytes([(len(piece) - 1) << 2]) + piece
    return bytes(out)


def varint(number: int) -> bytes:
    """A number as protobuf and snappy write it."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _ways(label: str, path: str) -> Sequence[Facts]:
    return [Facts(path, query, headers) for headers, query in WAYS.get(label, ((_NONE, _NONE),))]


_NONE: Mapping[str, str] = {}
WAYS: Mapping[str, Sequence[tuple[Mapping[str, str], Mapping[str, str]]]] = {
    "json": (
        (_NONE, _NONE),
        ({"Content-Type": "application/x-ndjson"}, {"verdicts": "true"}),
        (_NONE, {"strict": "true"}),
    ),
    "influx": ((_NONE, _NONE), (_NONE, {"precision": "ms"})),
    "remote_write": (
        (_NONE, _NONE),
        (
            {
                "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
                "Content-Encoding": "snappy",
            },
            _NONE,
        ),
    ),
    "otlp": (
        ({"Content-Type": "application/x-protobuf"}, _NONE),
        ({"Content-Type": "application/json"}, _NONE),
    ),
}
"""By protocol: headers and query of each way to ask."""
