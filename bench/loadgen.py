"""One call of the load generator `go/loadgen`, and what it reports."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from demo.processes import running

from bench.errors import BenchError
from bench.servers import Server, parse_metrics, pids

_SPARE_SECONDS = 180
"""A warm-up lasts until every series was sent once, however slow the service is."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent.

    Attributes:
        format: of the bodies, as the load generator calls it.
        samples: of a request.
        per_series: of them in a row are of one series.
        connections: keep-alive, each with its own series.
        series: over all connections.
        rate: requests/s, open loop; 0 for a closed loop.
        spread: series i sends i modulo this more samples in a row.
        every, first: of so many series in a row only the first ones are sent; 0 for all.
        start_ms: Unix time that the first timestamps follow.
    """

    format: str
    samples: int
    per_series: int
    connections: int
    series: int
    rate: float = 0.0
    spread: int = 0
    every: int = 0
    first: int = 0
    start_ms: int = 0

    def starting(self, start_ms: int) -> Load:
        """The same from another time on."""
        return replace(self, start_ms=start_ms)


@dataclass(frozen=True, slots=True)
class Phase:
    """What a phase saw; samples are those of requests answered 2xx."""

    seconds: float
    requests: int
    samples: int
    codes: Mapping[str, int]
    latency_ms: Mapping[str, float]

    @property
    def not_2xx(self) -> int:
        """Requests that were not answered 2xx."""
        return sum(count for code, count in self.codes.items() if not code.startswith("2"))


@dataclass(frozen=True, slots=True)
class Report:
    """Both phases, and of each watched process the CPU time of the measured one and its memory.

    Attributes:
        before: metrics of all pods together before the measured phase.
        after: the same after it.
    """

    warm: Phase
    measured: Phase
    cpu_seconds: Mapping[str, float]
    rss_bytes: Mapping[str, int]
    before: Mapping[str, float]
    after: Mapping[str, float]

    @property
    def sent(self) -> int:
        """Samples of both phases that were acknowledged."""
        return self.warm.samples + self.measured.samples

    def counted(self, name: str) -> float:
        """By how much a counter of the pods rose in the measured phase."""
        return self.after.get(name, 0.0) - self.before.get(name, 0.0)

    def cpu(self, kind: str) -> float:
        """CPU seconds of all processes of a kind, `pod` or `redis`."""
        return sum(s for name, s in self.cpu_seconds.items() if name.startswith(kind))


def parse(text: str) -> Report:
    """Read the load generator's JSON."""
    raw = json.loads(text)
    return Report(
        warm=Phase(**raw["warm"]),
        measured=Phase(**raw["measured"]),
        cpu_seconds=raw["cpu_seconds"],
        rss_bytes=raw["rss_bytes"],
        before=parse_metrics("".join(raw["before"])),
        after=parse_metrics("".join(raw["after"])),
    )


def send(
    program: Path,
    folder: Path,
    load: Load,
    path: str,
    targets: Sequence[Server],
    stores: Sequence[Server],
    *,
    pick: str = "random",
    warm: float,
    measure: float,
) -> Report:
    """Run the load generator to its end.

    Raises:
        BenchError: a connection failed, or it does not end.
    """
    options = {
        "targets": ",".join(target.address for target in targets),
        "pick": pick,
        "path": path,
        "format": load.format,
        "connections": load.connections,
        "series": load.series,
        "batch": load.samples,
        "per-series": load.per_series,
        "spread": load.spread,
        "every": load.every,
        "first": load.first,
        "start-ms": load.start_ms,
        "rate": load.rate,
        "warm": warm,
        "measure": measure,
        "pids": pids(targets, stores),
        "scrape": ",".join(target.metrics_url for target in targets if target.admin_port),
    }
    output = folder / "loadgen.out"
    output.unlink(missing_ok=True)
    argv = [str(program), *(f"-{name}={value}" for name, value in options.items())]
    with running(argv, log=output) as process:
        try:
            code = process.wait(warm + measure + _SPARE_SECONDS)
        except subprocess.TimeoutExpired:
            raise BenchError(f"the load generator does not end: {' '.join(argv)}") from None
    text = output.read_text(encoding="utf-8")
    if code:
        raise BenchError(f"the load generator failed: {text.strip()[-600:]}")
    return parse(text)
