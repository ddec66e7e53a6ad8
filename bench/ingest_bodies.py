"""Bodies of each protocol for timing its parser: 500 samples of 500 series, as platforms send them.

Written by the few lines here, so that a parser is never timed on what its own code has made.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.snappy import compress

SAMPLES = 500
_OTLP_HEADERS = {"Content-Type": "application/x-protobuf"}
START_MS = 1_767_225_600_000


@dataclass(frozen=True, slots=True)
class Body:
    """One request of a protocol.

    Attributes:
        protocol: its label in metrics.
        words: what it is.
        path: that takes it.
        headers: of the request.
        content: as it is sent.
        must_us: CPU a sample that its parser may take; None if nothing was asked for.
    """

    protocol: str
    words: str
    path: str
    headers: Mapping[str, str]
    content: bytes
    must_us: float | None = None


def bodies() -> tuple[Body, ...]:
    """All of them; a pod serves those whose path its registry knows."""
    return (
        Body("json", "JSON array", "/api/v1/ingest", {}, _json_array(_samples()), 0.8),
        Body("json", "JSON array, labels", "/api/v1/ingest", {}, _json_array(_labelled()), 0.8),
        Body(
            "json",
            "NDJSON",
            "/api/v1/ingest",
            {"Content-Type": "application/x-ndjson"},
            b"\n".join(json.dumps(each, separators=(",", ":")).encode() for each in _samples()),
        ),
        Body("influx", "line protocol, v1", "/write", {}, _lines(), 1.2),
        Body("influx", "line protocol, v2", "/api/v2/write", {}, _lines(), 1.2),
        Body("influx", "line protocol, 10 fields", "/write", {}, _lines_of_fields(10), 1.2),
        Body(
            "remote_write",
            "remote write 1.0",
            "/api/v1/write",
            {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"},
            compress(_remote_write()),
            0.8,
        ),
        Body(
            "remote_write",
            "remote write 2.0",
            "/api/v1/write",
            {
                "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
                "Content-Encoding": "snappy",
            },
            compress(_remote_write_2()),
            0.8,
        ),
        Body("otlp", "OTLP, a gauge", "/v1/metrics", _OTLP_HEADERS, _otlp_gauge(), 2.0),
        Body("otlp", "OTLP, a point a metric", "/v1/metrics", _OTLP_HEADERS, _otlp_single(), 2.0),
        Body("otlp", "OTLP, histograms", "/v1/metrics", _OTLP_HEADERS, _otlp_histograms(), 2.0),
    )


def _values() -> Iterable[tuple[str, float]]:
    for i in range(SAMPLES):
        yield f"device-{i:05d}", 20 + (i * 37 % 1000) / 250


def _samples() -> Iterable[Mapping[str, object]]:
    for device, value in _values():
        yield {"device_id": device, "metric": "temperature", "timestamp": START_MS, "value": value}


def _labelled() -> Iterable[Mapping[str, object]]:
    for device, value in _values():
        labels = {"device": device, "site": "plant-7"}
        yield {
            "metric": "temperature",
            "labels": labels,
            "timestamp": START_MS / 1000,
            "value": value,
        }


def _json_array(samples: Iterable[Mapping[str, object]]) -> bytes:
    return json.dumps(list(samples), separators=(",", ":")).encode()


def _lines() -> bytes:
    return b"".join(
        f"sensors,device_id={device},job=edge,site=plant-7 temperature={value} "
        f"{START_MS * 10**6}\n".encode()
        for device, value in _values()
    )


def _lines_of_fields(count: int) -> bytes:
    """Lines as Telegraf writes them of a host's inputs: all figures of one thing in one line."""
    figures = [value for _, value in _values()]
    return b"".join(
        f"cpu,cpu=cpu{i},host=edge-1 ".encode()
        + b",".join(f"usage_{k}={figures[i + k]}".encode() for k in range(count))
        + f" {START_MS * 10**6}\n".encode()
        for i in range(0, SAMPLES, count)
    )


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, content: bytes | str | float) -> bytes:
    """A field of a protobuf message; a float is a double."""
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    if isinstance(content, float):
        return _varint(number << 3 | 1) + struct.pack("<d", content)
    raw = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _labels(device: str) -> tuple[tuple[str, str], ...]:
    return (
        ("__name__", "temperature"),
        ("device_id", device),
        ("instance", "10.0.0.1:9100"),
        ("job", "edge"),
        ("site", "plant-7"),
    )


def _remote_write() -> bytes:
    return b"".join(
        _field(
            1,
            b"".join(_field(1, _field(1, name) + _field(2, text)) for name, text in _labels(device))
            + _field(2, _field(1, value) + _field(2, START_MS)),
        )
        for device, value in _values()
    )


def _remote_write_2() -> bytes:
    symbols: dict[str, int] = {"": 0}
    series = []
    for device, value in _values():
        words = [word for pair in _labels(device) for word in pair]
        refs = b"".join(_varint(symbols.setdefault(word, len(symbols))) for word in words)
        series.append(
            _field(5, _field(1, refs) + _field(2, _field(1, value) + _field(2, START_MS)))
        )
    return b"".join(_field(4, symbol) for symbol in symbols) + b"".join(series)


_WHEN = struct.pack("<Q", START_MS * 10**6)


def _eight(number: int, content: bytes) -> bytes:
    """A field of eight bytes."""
    return _varint(number << 3 | 1) + content


def _attributes(number: int, device: str) -> bytes:
    return _field(number, _field(1, "device_id") + _field(2, _field(1, device))) + _field(
        number, _field(1, "site") + _field(2, _field(1, "plant-7"))
    )


def _point(device: str, value: float) -> bytes:
    # Fields in the order of their numbers, as every library writes them.
    return _field(1, _eight(3, _WHEN) + _field(4, value) + _attributes(7, device))


def _otlp(metrics: Iterable[bytes]) -> bytes:
    about = _field(1, _field(1, _field(1, "service.name") + _field(2, _field(1, "edge"))))
    scope = _field(1, _field(1, "meter"))
    return _field(1, about + _field(2, scope + b"".join(_field(2, metric) for metric in metrics)))


def _otlp_gauge() -> bytes:
    """One gauge with 500 points of two attributes each."""
    points = b"".join(_point(device, value) for device, value in _values())
    return _otlp([_field(1, "temperature") + _field(5, points)])


def _otlp_single() -> bytes:
    """500 counters with one point each, as an SDK exports what counts without attributes."""
    start = _eight(2, _WHEN)
    return _otlp(
        _field(1, f"requests.{device}")
        + _field(2, "Requests that were answered")
        + _field(3, "{request}")
        + _field(
            7, _field(1, start + _eight(3, _WHEN) + _field(4, value)) + _field(2, 2) + _field(3, 1)
        )
        for device, value in _values()
    )


def _otlp_histograms() -> bytes:
    """A histogram of 250 points, each of which is two samples, with an SDK's usual 15 buckets."""
    buckets = _field(6, struct.pack("<16Q", *range(16)))
    bounds = _field(7, struct.pack("<15d", *map(float, range(15))))
    points = b"".join(
        _field(
            1,
            _eight(2, _WHEN)
            + _eight(3, _WHEN)
            + _eight(4, struct.pack("<Q", 120))
            + _field(5, value)
            + buckets
            + bounds
            + _attributes(9, device)
            + _field(11, 0.5)
            + _field(12, 14.5),
        )
        for device, value in list(_values())[: SAMPLES // 2]
    )
    return _otlp([_field(1, "latency") + _field(9, points + _field(2, 2))])
