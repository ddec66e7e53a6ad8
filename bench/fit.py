"""`python -m bench.fit RESULTS.json`: fit the capacity model to what `make bench` measured."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from anomaly_dataplane.contract.config import Method
from anomaly_dataplane.detectors.method import METHODS
from bench import model, variants
from bench.errors import BenchError
from bench.least_squares import non_negative
from bench.model import PARTITIONS, Coefficients, Costs, Model, Sending, Sizes
from bench.records import Run
from bench.results import Results, from_json
from bench.workloads import workloads

DEFAULT_WINDOW = 120


@dataclass(frozen=True, slots=True)
class Point:
    """One workload's figures: medians over its runs."""

    workload: str
    sending: Sending
    pod_us: float
    redis_us: float


def fit(results: Results) -> Model:
    """The model of a set of results.

    Raises:
        BenchError: a section that it needs is missing.
    """
    fused = _costs(results)
    costs = {Method.FUSED.value: fused, Method.ZSCORE.value: _zscore_costs(results, fused)}
    seconds = _commit_seconds(results)
    return Model(
        results.machine,
        {name: Coefficients(one, _sizes(results, name), seconds) for name, one in costs.items()},
    )


def points(results: Results, variant: str) -> list[Point]:
    """The workloads that a variant was run under in the sections named after them."""
    known = workloads()
    found = []
    for name, workload in known.items():
        runs = _sound(results, name, variant)
        if runs:
            sending = Sending(
                request=workload.load.samples,
                group=sum(run.samples for run in runs) / sum(run.groups for run in runs),
                commits=sum(run.commits for run in runs) / sum(run.samples for run in runs),
            )
            pod = statistics.median(run.pod_us for run in runs)
            redis = statistics.median(run.redis_us for run in runs)
            found.append(Point(name, sending, pod, redis))
    return found


def _costs(results: Results) -> Costs:
    """Costs with `Fused`, under which everything is measured."""
    measured = _enough(results, variants.FUSED.name)
    rows = [[1 / p.sending.request, 1 / p.sending.group, *_each(p)] for p in measured]
    request, group, commit, sample = non_negative(rows, [p.pod_us for p in measured])
    redis_call, redis_commit = _redis_costs(measured)
    several = [variants.several(pods, "random").name for pods in (2, 4)]
    conflict = _excess(
        results,
        "pods",
        several,
        variants.several(1, "random").name,
        lambda run: run.conflicts / run.samples,
    )
    read = _excess(
        results, "overflow", [variants.OVERFLOW.name], variants.FUSED.name, lambda run: 1.0
    )
    return Costs(
        request=request,
        fast_request=_fast_request(results, group, commit, sample),
        group=group,
        commit=commit,
        sample=sample,
        redis_call=redis_call,
        redis_commit=redis_commit,
        conflict=conflict or (0.0, 0.0),
        # Without a section of its own: a conflict is mostly that.
        read=read or conflict or (0.0, 0.0),
    )


def _zscore_costs(results: Results, fused: Costs) -> Costs:
    """Costs with `ZScore`; what does not depend on the method is taken from `Fused`."""
    measured = _enough(results, variants.ZSCORE.name)
    # Where request and wake-up are nearly all of the cost, the rest is not to be seen.
    large = [p for p in measured if p.sending.request > 1]
    shared = replace(fused, commit=0.0, sample=0.0)
    rest = [max(p.pod_us - shared.pod(p.sending), p.pod_us / 10) for p in large]
    commit, sample = non_negative([_each(p) for p in large], rest)
    redis_call, redis_commit = _redis_costs(measured)
    return replace(
        fused, commit=commit, sample=sample, redis_call=redis_call, redis_commit=redis_commit
    )


def _enough(results: Results, variant: str) -> list[Point]:
    measured = points(results, variant)
    if len(measured) < 3:
        raise BenchError(f"{variant}: sections W1, W2 and W3 are needed; found {len(measured)}")
    return measured


def _redis_costs(measured: Sequence[Point]) -> list[float]:
    rows = [[p.sending.calls() / p.sending.group, p.sending.commits] for p in measured]
    return non_negative(rows, [p.redis_us for p in measured])


def _each(point: Point) -> list[float]:
    return [point.sending.commits, 1.0]


def _fast_request(results: Results, group: float, commit: float, sample: float) -> float | None:
    """What is left of W1 by the front protocol when the other shares are taken off."""
    fast = [p for p in points(results, variants.FRONT.name) if p.sending.request == 1]
    if not fast:
        return None
    return statistics.median(
        max(0.0, p.pod_us - group / p.sending.group - commit * p.sending.commits - sample)
        for p in fast
    )


def _excess(
    results: Results,
    section: str,
    dear: Sequence[str],
    cheap: str,
    events: Callable[[Run], float],
) -> tuple[float, float] | None:
    """What an event costs pod and Redis: the difference of two variants, divided by the events."""
    base = _sound(results, section, cheap)
    runs = [run for name in dear for run in _sound(results, section, name)]
    if not base or not runs:
        return None
    pod = statistics.median(run.pod_us for run in base)
    redis = statistics.median(run.redis_us for run in base)
    return (
        max(0.0, statistics.median((run.pod_us - pod) / events(run) for run in runs)),
        max(0.0, statistics.median((run.redis_us - redis) / events(run) for run in runs)),
    )


def _commit_seconds(results: Results) -> float:
    runs = _sound(results, "W1-100", variants.FUSED.name)
    if not runs:
        raise BenchError("section W1-100 is needed: it says how long a small commit takes")
    return statistics.median(run.group_seconds / run.groups for run in runs)


def _sizes(results: Results, method: str) -> Sizes:
    filled = results.filled.get(method)
    if filled is None:
        raise BenchError(f"section memory is needed: no filled Redis of {method}")
    block = METHODS[Method(method)].layout(DEFAULT_WINDOW).size_bytes
    commit_aof, sample_aof = _per_commit(results, method, "aof_bytes")
    commit_wire, sample_wire = _per_commit(results, method, "wire_in_bytes")
    idle = results.figures["idle_pod_mib"] * 2**20
    w1 = _sound(results, "W1", variants.FUSED.name)
    cached = workloads(int(str(results.options["series"])))["W1"].load.series
    grown = statistics.median(max(run.pod_rss_bytes) for run in w1) - idle
    fused_block = METHODS[Method.FUSED].layout(DEFAULT_WINDOW).size_bytes
    return Sizes(
        block=block,
        series=filled.series_bytes,
        # Anomalies are of one size; only ZScore raises enough to fill the streams on noise.
        outbox=max(one.outbox_bytes for one in results.filled.values()) / PARTITIONS,
        aof_commit=commit_aof,
        aof_sample=sample_aof,
        wire_commit=commit_wire,
        wire_sample=sample_wire,
        pod=idle,
        pod_series=max(grown / cached - fused_block, 0.0) + block,
    )


def _per_commit(results: Results, method: str, name: str) -> tuple[float, float]:
    """Bytes for a commit and for each sample of it."""
    found = [one for one in results.written if one.method == method]
    if not found:
        raise BenchError(f"section aof is needed: nothing of {method}")
    rows = [[1.0, one.samples / one.commits] for one in found]
    bytes_each = [getattr(one, name) / one.commits for one in found]
    if len(found) == 1:
        # A sample is a slot of the ring: value and time.
        return bytes_each[0] - 16.0, 16.0
    commit, sample = non_negative(rows, bytes_each)
    return commit, sample


def _sound(results: Results, section: str, variant: str) -> list[Run]:
    return [
        run
        for run in results.runs
        if (run.section, run.variant) == (section, variant) and not run.problems
    ]


def compared(results: Results, fitted: Model) -> str:
    """Measured and fitted figures side by side."""
    lines = [f"{'':<26}{'pod us':>18}{'Redis us':>18}   (measured, fitted)"]
    for variant, method in ((variants.FUSED, "Fused"), (variants.ZSCORE, "ZScore")):
        costs = fitted.methods[method].costs
        for point in points(results, variant.name):
            pod, redis = costs.pod(point.sending), costs.redis(point.sending)
            lines.append(
                f"{method + ', ' + point.workload:<26}"
                f"{point.pod_us:>9.2f}{pod:>9.2f}{point.redis_us:>9.2f}{redis:>9.2f}"
            )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Fit, show how well it fits, and write the coefficients."""
    parser = argparse.ArgumentParser(prog="python -m bench.fit", description=__doc__)
    parser.add_argument("results", type=Path, help="the JSON file that the benchmark wrote")
    parser.add_argument("--output", type=Path, default=model.COEFFICIENTS)
    options = parser.parse_args(argv)
    try:
        results = from_json(options.results.read_text(encoding="utf-8"))
        fitted = fit(results)
    except (BenchError, OSError) as error:
        print(f"no fit: {error}", file=sys.stderr)
        return 1
    print(compared(results, fitted))
    model.dump(fitted, options.output)
    print(f"written: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
