"""Valid inputs by protocol, written by hand or by the few lines of encoder here.

Nothing is shared with the parsers that read them.
"""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence

from fuzz.targets import varint

_SECONDS = 1_767_225_600


def _json() -> Sequence[bytes]:
    sample = {
        "metric": "temperature",
        "labels": {"device": "boiler-1", "größe": "ü"},
        "timestamp": _SECONDS,
        "value": 71.3,
    }
    telegraf = {"fields": {"a": 1, "b": 2.5}, "name": "cpu", "tags": {"h": "x"}, "timestamp": 5}
    many = [{**sample, "timestamp": "2026-01-01T00:00:00Z"}, {**sample, "device_id": "boiler-1"}]
    forms: list[object] = [sample, many, {"metrics": [telegraf, telegraf]}, telegraf]
    lines = "\n".join(json.dumps({**sample, "timestamp": _SECONDS + i}) for i in range(5))
    return [
        *(json.dumps(form).encode() for form in forms),
        lines.encode(),
        b'{"metric":"m","value":1}',
    ]


def _influx() -> Sequence[bytes]:
    return [
        b"weather,location=us-midwest temperature=82 1767225600000000000",
        b'weather,location=us\\,mid\\ west,a\\=b=c temp=82i,note="a \\"b\\" \\\\ c",x=t 1767225600',
        b"m f=1u\nm f=2i\r\n# comment\n\nm f=-1.5e3,g=True,h=FALSE 1767225600000",
        b"a\\ b\\,c,t=v f\\=x=0.1\n" * 20,
    ]


def _mqtt() -> Sequence[bytes]:
    return [
        b"a/roof/t-1/temp\n21.5",
        b'a/roof/t-1/temp\n{"value": 1, "timestamp": 1767225600}',
        b'a/roof/t-1/temp\n[1, {"value": 2, "labels": {"site": "x"}}]',
        b'b/t-1/x/y\n{"metric":"m","value":1}\n{"metric":"n","value":2}',
        b"1e3",
    ]


def _packed() -> Sequence[bytes]:
    text = b'{"metric":"m","value":1}' * 40
    return [
        gzip.compress(text),
        zlib.compress(text),
        zlib.compress(text)[2:-4],
        gzip.compress(b"") * 3,
    ]


def field(number: int, content: bytes | str | int | float) -> bytes:
    """One field of a protobuf message; a float is a double."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content & (1 << 64) - 1)
    if isinstance(content, float):
        return varint(number << 3 | 1) + struct.pack("<d", content)
    raw = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def fixed64(number: int, value: int) -> bytes:
    """A fixed64 field."""
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def _message(fields: Iterable[bytes]) -> bytes:
    return b"".join(fields)


def _remote_write() -> Sequence[bytes]:
    labels = [("__name__", "up"), ("instance", "a:1"), ("job", "j")]
    series = _message(
        [
            *(field(1, field(1, name) + field(2, value)) for name, value in labels),
            *(field(2, field(1, float(i)) + field(2, 1000 * (_SECONDS + i))) for i in range(3)),
        ]
    )
    stale = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
    gone = field(1, field(1, field(1, "__name__") + field(2, "m")) + field(2, field(1, stale)))
    first = _message([field(1, series), field(1, series), gone])
    symbols = ["", "__name__", "up", "job", "j"]
    refs = b"".join(map(varint, (1, 2, 3, 4)))
    second = _message(
        [
            *(field(4, symbol) for symbol in symbols),
            *(
                field(5, field(1, refs) + field(2, field(1, 1.5) + field(2, 1000 * _SECONDS)))
                for _ in range(3)
            ),
        ]
    )
    return [first, second, field(3, b"\x08\x01")]


_OTLP_POINT = {"timeUnixNano": str(_SECONDS * 10**9), "asDouble": 71.5}
_OTLP_JSON = {
    "resourceMetrics": [
        {
            "resource": {
                "attributes": [
                    {"key": "service.name", "value": {"stringValue": "s"}},
                    {"key": "process.pid", "value": {"intValue": "5"}},
                    {"key": "share", "value": {"doubleValue": 0.5}},
                    {"key": "args", "value": {"arrayValue": {"values": [{"boolValue": True}]}}},
                ]
            },
            "scopeMetrics": [
                {
                    "metrics": [
                        {
                            "name": "temperature",
                            "gauge": {
                                "dataPoints": [
                                    {
                                        **_OTLP_POINT,
                                        "attributes": [{"key": "d", "value": {"intValue": "5"}}],
                                    },
                                    {"timeUnixNano": _SECONDS * 10**9, "asInt": "7", "flags": 0},
                                ]
                            },
                        },
                        {
                            "name": "requests",
                            "sum": {
                                "dataPoints": [_OTLP_POINT],
                                "aggregationTemporality": "AGGREGATION_TEMPORALITY_CUMULATIVE",
                                "isMonotonic": True,
                            },
                        },
                        {
                            "name": "latency",
                            "histogram": {
                                "dataPoints": [{**_OTLP_POINT, "count": "3", "sum": 6.0}],
                                "aggregationTemporality": 1,
                            },
                        },
                    ]
                }
            ],
        }
    ]
}


def _otlp() -> Sequence[bytes]:
    attribute = field(1, "device") + field(2, field(1, "boiler-1"))
    point = field(7, attribute) + fixed64(3, _SECONDS * 10**9) + field(4, 71.5)
    gauge = field(1, "temperature") + field(5, field(1, point) + field(1, point))
    total = field(1, "requests") + field(7, field(1, point) + field(2, 2) + field(3, 1))
    histogram = fixed64(3, _SECONDS * 10**9) + fixed64(4, 3) + field(5, 6.0) + field(9, attribute)
    spread = field(1, "latency") + field(9, field(1, histogram) + field(2, 2))
    scope = _message(field(2, metric) for metric in (gauge, total, spread))
    resource = field(1, field(1, field(1, "service.name") + field(2, field(1, "s"))))
    request = field(1, resource + field(2, scope))
    nothing = field(1, field(2, field(2, field(1, "m") + field(5, field(1, b"")))))
    return [request, request + request, nothing, json.dumps(_OTLP_JSON).encode()]


_SEEDS: Mapping[str, Sequence[bytes]] = {
    "json": _json(),
    "influx": _influx(),
    "remote_write": _remote_write(),
    "otlp": _otlp(),
    "mqtt": _mqtt(),
    "gzip": _packed(),
}


def seeds(protocol: str) -> Sequence[bytes]:
    """Those of a protocol, by the start of its label; all of them if it is not known here."""
    for name, found in _SEEDS.items():
        if protocol.replace("-", "_").startswith(name):
            return found
    return [seed for found in _SEEDS.values() for seed in found]
