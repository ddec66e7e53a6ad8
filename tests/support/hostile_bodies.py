"""Bodies of the largest size that hold as many parts as fit, and what reading one takes of memory.

Run by itself it reads each in a process of its own and prints what that took, in MiB, as JSON:
`test_memory.py` looks at it. Some of the parsers' libraries have memory that Python does not count,
so only the kernel can tell.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from anomaly_dataplane.contract.config import IngestProtocol, parse
from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.protocol import Facts, Parts
from anomaly_dataplane.ingest.registry import PROTOCOLS
from anomaly_dataplane.series import SeriesTable
from protobuf_writer import eight, part

CONFIG = parse({})
SIZE = CONFIG.ingest.max_body_bytes - 300

NOTHING = part(1, b"")
"""A part of two bytes."""
POINT = eight(3, 1_767_225_600 * 10**9) + eight(4, 1.0)


def parts(field: int = 1) -> bytes:
    """As many as fit."""
    return part(field, b"") * (SIZE // 2)


def list_of(item: bytes, separator: bytes = b",") -> bytes:
    """As many times as fits."""
    return (item + separator) * (SIZE // len(item + separator)) + item


def numbered(form: bytes) -> bytes:
    """The same, each with another number."""
    return b",".join(form % number for number in range(SIZE // len(form % 0) - 100_000))


def otlp(metric: bytes, resource: bytes = b"") -> bytes:
    return part(1, part(1, resource) + part(2, part(2, part(1, "m") + metric)))


def attribute() -> bytes:
    return part(1, "a") + part(2, part(5, parts()))


BINARY = {"Content-Type": "application/x-protobuf"}
V2 = {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
TEXT = {"Content-Type": "application/json"}
Case = tuple[IngestProtocol, Mapping[str, str], Callable[[], bytes]]
_OTLP, _PROMETHEUS = IngestProtocol.OTLP, IngestProtocol.PROMETHEUS_REMOTE_WRITE
_INFLUX, _JSON = IngestProtocol.INFLUX_LINE, IngestProtocol.JSON

BODIES: Mapping[str, Case] = {
    "attributes of a resource": (
        _OTLP,
        BINARY,
        lambda: otlp(part(5, part(1, POINT)), part(1, attribute())),
    ),
    "an attribute of a point": (
        _OTLP,
        BINARY,
        lambda: otlp(part(5, part(1, POINT + part(7, attribute())))),
    ),
    "attributes of a point": (_OTLP, BINARY, lambda: otlp(part(5, part(1, POINT + parts(7))))),
    "points": (_OTLP, BINARY, lambda: otlp(part(5, parts()))),
    "points of two kinds": (_OTLP, BINARY, lambda: otlp(part(5, NOTHING) + part(5, parts()))),
    "an attribute in JSON": (
        _OTLP,
        TEXT,
        lambda: (
            b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":'
            b'[{"timeUnixNano":"1767225600000000000","asDouble":1,"attributes":[{"key":"a","value":'
            b'{"arrayValue":{"values":[' + list_of(b'"ab"') + b"]}}}]}]}}]}]}]}"
        ),
    ),
    "samples of 1.0": (_PROMETHEUS, BINARY, lambda: part(1, parts(2))),
    "labels of 1.0": (_PROMETHEUS, BINARY, lambda: part(1, parts(1))),
    "histograms of 1.0": (_PROMETHEUS, BINARY, lambda: part(1, parts(4))),
    "references of 2.0": (_PROMETHEUS, V2, lambda: part(4, b"") + part(5, part(1, bytes(SIZE)))),
    "samples of 2.0": (_PROMETHEUS, V2, lambda: part(4, b"") + part(5, parts(2))),
    "symbols of 2.0": (_PROMETHEUS, V2, lambda: parts(4)),
    "fields of a line": (_INFLUX, {}, lambda: b"m " + list_of(b"a=1") + b" 1"),
    "fields that are known": (_INFLUX, {}, lambda: b"m a=1,b=1 1\nm " + list_of(b"a=1") + b" 1"),
    "fields that are none": (_INFLUX, {}, lambda: b"m " + list_of(b"a=t") + b" 1"),
    "tags of a line": (_INFLUX, {}, lambda: b"m," + numbered(b"%07d=b") + b" a=1 1"),
    "lines": (_INFLUX, {}, lambda: list_of(b"m a=1", b"\n")),
    "labels in JSON": (
        _JSON,
        {},
        lambda: b'{"metric":"m","value":1,"labels":{' + numbered(b'"%07d":""') + b"}}",
    ),
    "objects": (_JSON, {}, lambda: b"[" + list_of(b"{}") + b"]"),
    "numbers": (_JSON, {}, lambda: b"[" + list_of(b"1") + b"]"),
    "objects in lines": (_JSON, {}, lambda: list_of(b"{}", b"\n")),
    "fields of Telegraf": (
        _JSON,
        {},
        lambda: b'{"name":"m","fields":{' + numbered(b'"%07d":1') + b"}}",
    ),
    "tags of Telegraf": (
        _JSON,
        {},
        lambda: b'{"name":"m","fields":{"a":1},"tags":{' + numbered(b'"%07d":""') + b"}}",
    ),
}


def peak_mib() -> float:
    """The most memory that this process has had."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def taken(name: str) -> float:
    """How much more memory it takes, in MiB, to read a body than to have it."""
    protocol, headers, make = BODIES[name]
    served = PROTOCOLS[protocol](
        Parts(SeriesTable(4), CONFIG.ingest, CONFIG.buffer.max_samples)
    ).dialects
    call = next(iter(served.values())).call(Facts("/", {}, headers))
    with contextlib.suppress(BadPayload):
        call.parse(b"x", 1e12)  # imports what only this protocol needs
    body = make()
    assert len(body) <= CONFIG.ingest.max_body_bytes
    with contextlib.suppress(OSError):  # forget what it took to make it
        Path("/proc/self/clear_refs").write_text("5")
    before = peak_mib()
    with contextlib.suppress(BadPayload):
        call.parse(body, 1e12)
    return peak_mib() - before


def main() -> None:
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        found = dict(zip(BODIES, pool.map(taken, BODIES, chunksize=1), strict=True))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
