"""What each wire protocol costs: its parser alone, and the whole path beside the Go baseline.

`make bench-ingest`. Parsers are timed in this process, on CPU time, the best of many passes: what
a busy machine adds is not theirs. The whole path is that of `make bench`: a pod, a Redis, the load
generator, the Go baseline in the same rounds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.errors import DemoError

from anomaly_dataplane.contract.config import parse
from anomaly_dataplane.ingest.protocol import Dialect, Facts, Parts
from anomaly_dataplane.ingest.registry import PROTOCOLS
from anomaly_dataplane.ingest.unpack import unpack
from anomaly_dataplane.series import SeriesTable
from bench import programs, rounds, variants
from bench.errors import BenchError
from bench.filled import FilledStates
from bench.ingest_bodies import SAMPLES, START_MS, Body, bodies
from bench.interpreter import asked
from bench.loadgen import Load
from bench.records import Run
from bench.run import Bench, Turn
from bench.variants import Variant
from bench.workloads import Format, Workload
from devcluster.errors import DevClusterError
from devcluster.paths import Cache

_PASSES = 30
_PASS_SECONDS = 0.05
SECTION = "ingest"

WHOLE_PATH = (
    ("json", Format("array", "/api/v1/ingest", "/metrics/batch")),
    ("json", Format("ndjson", "/api/v1/ingest", "")),
    ("influx", Format("influx", "/write", "/write")),
    ("remote_write", Format("prw", "/api/v1/write", "")),
)
"""What the load generator can write, by protocol."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parser's figure.

    Attributes:
        us: CPU a sample.
        bytes_a_sample: as sent.
    """

    body: Body
    us: float
    bytes_a_sample: float

    @property
    def verdict(self) -> str:
        """Whether it is within its target."""
        if self.body.must_us is None:
            return ""
        return "met" if self.us <= self.body.must_us else "MISSED"


def dialects() -> dict[str, Dialect]:
    """What a pod serves, by path."""
    config = parse({})
    parts = Parts(SeriesTable(4), config.ingest, config.buffer.max_samples)
    built = (protocol(parts) for protocol in PROTOCOLS.values())
    return {path: each for protocol in built for path, each in protocol.dialects.items()}


def parsing(body: Body, dialect: Dialect, seconds: float = _PASS_SECONDS) -> Parsed:
    """Time a parser on one body whose series it knows, unpacking included.

    Raises:
        BenchError: it does not take every sample.
    """
    facts = Facts(body.path, {}, body.headers)
    limit = parse({}).ingest.max_body_bytes

    def once() -> int:
        call = dialect.call(facts)
        content = unpack(body.content, call.encoding, limit) if call.encoding else body.content
        return len(call.parse(content, float(START_MS)).batch)

    if (taken := once()) != SAMPLES:
        raise BenchError(f"{body.words}: {taken} of {SAMPLES} samples were taken")
    best = float("inf")
    for _ in range(_PASSES):
        count, started = 0, time.process_time()
        while (took := time.process_time() - started) < seconds:
            once()
            count += 1
        best = min(best, took / count)
    return Parsed(body, best / SAMPLES * 1e6, len(body.content) / SAMPLES)


def measure_parsers() -> list[Parsed]:
    """All protocols that this build serves."""
    served = dialects()
    return [parsing(body, served[body.path]) for body in bodies() if body.path in served]


def measure_paths(folder: Path, built: programs.Programs, options: argparse.Namespace) -> list[Run]:
    """The whole path of each protocol and the Go baseline, in turn, round by round."""
    served = dialects()
    bench = Bench(
        folder, built, FilledStates(folder, built, options.series, _say), 1.0, options.seconds
    )
    known = [_workload(form, options.series) for _, form in WHOLE_PATH if form.path in served]
    ours: list[tuple[Workload, Variant]] = [(workload, variants.FUSED) for workload in known]
    # The baseline reads JSON and lines.
    peers: list[tuple[Workload, Variant]] = [
        (workload, variants.GO) for workload in known if workload.format.peer_path
    ]
    runs = []
    for number in range(1, options.rounds + 1):
        order = [*peers, *ours]
        for workload, variant in [*order, *reversed(order)]:
            run = bench.run(Turn(SECTION, workload, variant, number))
            runs.append(run)
            _say(
                f"round {number} {workload.name:<8} {variant.name:<12} {run.total_us:.1f} us/sample"
            )
            for problem in run.problems:
                _say(f"    THIS RUN DOES NOT COUNT: {problem}")
    return runs


def _workload(form: Format, series: int) -> Workload:
    load = Load(form.loadgen, SAMPLES, 1, 8, series, 0.0)
    return Workload(form.loadgen, f"{SAMPLES} samples a request", form, load)


def parser_table(figures: Sequence[Parsed]) -> str:
    """Parsers against their targets."""
    lines = [
        "Parsing alone, unpacking included: CPU a sample, 500 samples of known series a request",
        f"{'':<22} {'must':>8} {'measured':>10} {'B/sample':>9}",
    ]
    for figure in figures:
        must = f"{figure.body.must_us:g} us" if figure.body.must_us is not None else ""
        lines.append(
            f"{figure.body.words:<22} {must:>8} {figure.us:>7.2f} us "
            f"{figure.bytes_a_sample:>9.0f} {figure.verdict}".rstrip()
        )
    return "\n".join(lines)


def path_table(runs: Sequence[Run]) -> str:
    """Whole paths, and what they are of the Go baseline with JSON."""
    lines = [
        "The whole path, 500 samples a request: CPU a sample of pod and Redis together",
        f"{'':<10} {'who':<14} {'pod':>8} {'Redis':>8} {'total':>9} {'of Go, JSON':>12}",
    ]
    sound = [run for run in runs if not run.problems]
    go = [run for run in sound if (run.workload, run.variant) == ("array", variants.GO.name)]
    for workload, variant in dict.fromkeys((run.workload, run.variant) for run in sound):
        own = [run for run in sound if (run.workload, run.variant) == (workload, variant)]
        pod, redis, total = (rounds.value(own, q) for q in ("pod_us", "redis_us", "total_us"))
        share = f"{total / rounds.value(go, 'total_us'):.2f}" if go else ""
        lines.append(
            f"{workload:<10} {variant:<14} {pod:>5.2f} us {redis:>5.2f} us {total:>6.2f} us "
            f"{share:>12}"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns 1 if a run did not count."""
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--parsers", action="store_true", help="parsers alone; no pod, no Go")
    parser.add_argument("--rounds", type=int, default=2, help="each there and back: A B B A")
    parser.add_argument("--seconds", type=float, default=2.0, help="of load in each run")
    parser.add_argument("--series", type=int, default=4000, help="of the whole path")
    options = parser.parse_args(argv)
    print(asked(Path(sys.executable)), flush=True)
    figures = measure_parsers()
    print(parser_table(figures), flush=True)
    if options.parsers:
        return 0
    try:
        built = programs.ensure(Cache.from_environment())
        with tempfile.TemporaryDirectory(prefix="anomaly-bench-") as name:
            runs = measure_paths(Path(name), built, options)
    except (BenchError, DemoError, DevClusterError) as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return 1
    print(f"\n{path_table(runs)}")
    return int(any(run.problems for run in runs))


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
