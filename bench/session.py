"""The benchmark from start to end: section by section, each run told as it is done."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from bench import figures, filled, rounds, servers, variants
from bench.document import document
from bench.errors import BenchError
from bench.filled import FilledStates
from bench.kernel_figures import kernels
from bench.plan import AOF_OF, Section
from bench.programs import Programs
from bench.records import Run
from bench.results import Results
from bench.run import Bench, Turn
from bench.variants import Ours
from bench.workloads import Workload, workloads

PRIMARIES = 3
_BETWEEN_RUNS_MS = 10_000
"""More than the timestamps of a series grow in a run."""
Say = Callable[[str], None]


def measure(
    plan: Sequence[Section],
    programs: Programs,
    results: Results,
    say: Say,
    *,
    asked_rounds: int,
    seconds: float,
    warm: float,
    series: int,
) -> None:
    """Do all sections of a plan; `results` fills as they are done."""
    with tempfile.TemporaryDirectory(prefix="anomaly-bench-") as name:
        folder = Path(name)
        states = FilledStates(folder, programs, series, say)
        bench = Bench(folder, programs, states, warm, seconds)
        known = workloads(series)
        for section in plan:
            say(f"== {section.name}: {section.words}")
            number = section.rounds(asked_rounds)
            if section.on_cluster:
                _on_cluster(bench, section, known[section.workload], number, results, say)
            elif section.workload:
                _in_turn(bench, section, known[section.workload], number, results, say)
            else:
                _OTHER[section.name](bench, known, results, say)
            results.filled.update(states.made)
        _conclude(results)


def _in_turn(
    bench: Bench, section: Section, workload: Workload, number: int, results: Results, say: Say
) -> None:
    started, done, total = time.monotonic(), 0, 2 * len(section.variants) * number
    for round_number in range(1, number + 1):
        for variant in rounds.there_and_back(section.variants):
            turn = Turn(section.name, workload, variant, round_number)
            try:
                run = bench.run(turn)
            except BenchError as error:
                # Such as a port that somebody took just before: not worth a quarter of an hour.
                say(f"    once more, since {error}")
                run = bench.run(turn)
            done += 1
            _tell(run, done, total, time.monotonic() - started, results, say)


def _on_cluster(
    bench: Bench, section: Section, workload: Workload, number: int, results: Results, say: Say
) -> None:
    """As `_in_turn`, but on one Cluster for all runs, filled once: times go on from run to run."""
    started, done, total = time.monotonic(), 0, 2 * len(section.variants) * number
    with tempfile.TemporaryDirectory(dir=bench.folder) as name:
        folder = Path(name)
        with servers.redis_cluster(folder, PRIMARIES) as nodes:
            text = document("Fused", cluster=[node.address for node in nodes])
            say(f"filling the windows of {workload.load.series} series: Cluster")
            with servers.pod(bench.programs.python, folder, text, None) as pod:
                now_ms = bench.filled.now_ms
                filled.fill(folder, bench.programs, workload.load.series, pod, nodes[0], now_ms)
            for round_number in range(1, number + 1):
                for variant in rounds.there_and_back(section.variants):
                    ours = cast(Ours, variant)
                    with servers.pods(bench.programs.python, folder, text, None, ours.pods) as pods:
                        turn = Turn(
                            section.name, workload, ours, round_number, done * _BETWEEN_RUNS_MS
                        )
                        run = bench.load(turn, ours.pick, folder, pods, nodes)
                    done += 1
                    _tell(run, done, total, time.monotonic() - started, results, say)


def _tell(run: Run, done: int, total: int, took: float, results: Results, say: Say) -> None:
    results.runs.append(run)
    left = took / done * (total - done)
    say(
        f"[{done}/{total}, {left:.0f} s left] round {run.round} {run.variant:<34} "
        f"pod {run.pod_us:.1f} + Redis {run.redis_us:.1f} = {run.total_us:.1f} us/sample, "
        f"{run.throughput:,.0f}/s, p99 {run.latency_ms['p99']:.1f} ms"
    )
    for problem in run.problems:
        say(f"    THIS RUN DOES NOT COUNT: {problem}")


def _kernels(_: Bench, __: dict[str, Workload], results: Results, say: Say) -> None:
    try:
        results.kernels = kernels()
        why = "no bench/kernels.py in this build"
    except BenchError as error:
        why = str(error)
    if results.kernels is None:
        results.notes.append(f"the kernels were not measured: {why}")
        say(results.notes[-1])
        return
    ratio = results.kernels.get("ratio")
    if isinstance(ratio, (int, float)):
        results.figures["kernels"] = float(ratio)


def _aof(bench: Bench, known: dict[str, Workload], results: Results, say: Say) -> None:
    for name, variant in AOF_OF:
        one = figures.written(bench, known[name], variant)
        results.written.append(one)
        say(f"{name}, {one.method}: {one.aof_bytes_per_commit:.0f} B of AOF a commit")
        if (name, one.method) == ("W2", "Fused"):
            results.figures["aof_bytes_fused"] = one.aof_bytes_per_commit


def _memory(bench: Bench, known: dict[str, Workload], results: Results, say: Say) -> None:
    for state, figure in (("Fused", "redis_bytes_fused"), ("ZScore", "redis_bytes_zscore")):
        results.figures[figure] = bench.filled.get(state).series_bytes
    results.figures["idle_pod_mib"] = figures.idle_pod_bytes(bench, "Fused") / 2**20
    say(f"a pod that has seen nothing: {results.figures['idle_pod_mib']:.1f} MiB")


_OTHER: dict[str, Callable[[Bench, dict[str, Workload], Results, Say], None]] = {
    "kernels": _kernels,
    "aof": _aof,
    "memory": _memory,
}


def _conclude(results: Results) -> None:
    """Figures that follow from the runs."""
    shipped = variants.FRONT.name
    if p99 := rounds.over_rounds(
        results.runs, "W1-1000", shipped, lambda runs: rounds.value(runs, "p99_ms")
    ):
        results.figures["p99_ms_at_1000"] = p99.median
    sizes = [
        max(run.pod_rss_bytes)
        for run in results.runs
        if (run.section, run.variant) == ("W1", shipped) and not run.problems
    ]
    if sizes:
        results.figures["pod_mib"] = statistics.median(sizes) / 2**20
