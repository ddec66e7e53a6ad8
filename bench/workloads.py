"""What is sent, and by which paths: the workloads of the benchmark and the formats of a body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anomaly_dataplane.contract import runtime
from bench.loadgen import Load

SERIES = 10_000
"""Of every workload but W3, where a warm-up over so many would take a baseline of this design
half a minute."""

RATE = 1000.0
"""Requests/s of the open loop."""
LOW_RATE = 100.0
"""At which nothing waits for anything: every group is of one sample, even on a busy machine."""


@dataclass(frozen=True, slots=True)
class Format:
    """A body format.

    Attributes:
        loadgen: its name for the load generator.
        path: where our pods take it.
        peer_path: where the Go baseline does; empty if it does not know the format.
    """

    loadgen: str
    path: str
    peer_path: str


FORMATS: Mapping[str, Format] = {
    "JSON object": Format("one", runtime.PATH_INGEST, "/metrics"),
    "JSON array": Format("array", runtime.PATH_INGEST, "/metrics/batch"),
}
"""The load generator also speaks `ndjson`, `influx` (the baseline too, at /write) and `prw`: a
protocol of the data plane gets its row here and its workload below."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A name, what it is in words, the format of its bodies and the load."""

    name: str
    words: str
    format: Format
    load: Load


def _workload(
    name: str,
    words: str,
    format_name: str,
    *,
    samples: int,
    per_series: int,
    connections: int,
    series: int,
    rate: float = 0.0,
) -> Workload:
    found = FORMATS[format_name]
    load = Load(found.loadgen, samples, per_series, connections, series, rate)
    return Workload(name, words, found, load)


def workloads(series: int = SERIES) -> dict[str, Workload]:
    """All of them, by name."""
    made = (
        _workload(
            "W1",
            "one sample a JSON POST, 64 keep-alive connections",
            "JSON object",
            samples=1,
            per_series=1,
            connections=64,
            series=series,
        ),
        _workload(
            "W2",
            f"500 samples a JSON request, {series} series, 8 connections",
            "JSON array",
            samples=500,
            per_series=1,
            connections=8,
            series=series,
        ),
        _workload(
            "W3",
            # Four, since buffer.maxSamples is 20,000: what does not fit in is refused.
            "100 series x 50 samples a JSON request, 4 connections",
            "JSON array",
            samples=5000,
            per_series=50,
            connections=4,
            series=max(series // 10, 400),
        ),
        _workload(
            "W1-1000",
            f"W1 at {RATE:.0f} requests/s, open loop",
            "JSON object",
            samples=1,
            per_series=1,
            connections=64,
            series=series,
            rate=RATE,
        ),
        _workload(
            "W1-100",
            f"W1 at {LOW_RATE:.0f} requests/s, open loop",
            "JSON object",
            samples=1,
            per_series=1,
            connections=64,
            series=series,
            rate=LOW_RATE,
        ),
    )
    return {workload.name: workload for workload in made}
