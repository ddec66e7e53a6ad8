"""The capacity model finds the costs that figures were made with."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import fit, model, variants
from bench.errors import BenchError
from bench.model import Costs, Sending
from bench.records import Filled, Written
from bench.results import Results

from bench_runs import a_run

TRUE = Costs(
    request=40.0,
    fast_request=12.0,
    group=100.0,
    commit=2.0,
    sample=0.8,
    redis_call=20.0,
    redis_commit=4.0,
    conflict=(6.0, 3.0),
    read=(5.0, 2.0),
)
SENDINGS = {
    "W1": Sending(1, 50, 1.0),
    "W2": Sending(500, 500, 1.0),
    "W3": Sending(5000, 512, 0.02),
    "W1-1000": Sending(1, 3, 1.0),
    "W1-100": Sending(1, 1, 1.0),
}


def _runs(variant: str, *, fast_path: bool = False) -> Results:
    results = Results({"measured_at": "2026-01-01", "cores": 2}, {"series": 10_000})
    for section, sending in SENDINGS.items():
        results.runs.append(
            a_run(
                variant,
                section,
                samples=1_000_000,
                pod_us=TRUE.pod(sending, fast_path=fast_path),
                redis_us=TRUE.redis(sending),
                group=sending.group,
                commits=sending.commits,
            )
        )
    return results


def _complete() -> Results:
    results = _runs(variants.FUSED.name)
    results.runs += _runs(variants.ZSCORE.name).runs
    results.runs += _runs(variants.FRONT.name, fast_path=True).runs[:1]
    base = SENDINGS["W2"]
    for pods, stale in ((1, 0.0), (2, 0.5), (4, 0.75)):
        results.runs.append(
            a_run(
                variants.several(pods, "random").name,
                "pods",
                samples=1_000_000,
                pod_us=TRUE.pod(base) + stale * TRUE.conflict[0],
                redis_us=TRUE.redis(base) + stale * TRUE.conflict[1],
                conflicts=round(stale * 1_000_000),
            )
        )
    results.runs += [
        a_run(variants.FUSED.name, "overflow", pod_us=10, redis_us=5),
        a_run(
            variants.OVERFLOW.name,
            "overflow",
            pod_us=10 + TRUE.read[0],
            redis_us=5 + TRUE.read[1],
        ),
    ]
    for method, commit in (("Fused", 700), ("ZScore", 200)):
        results.filled[method] = Filled(Path("x"), "uid", 0, 4000.0, 3900, 80_000)
        for workload, each in (("W2", 1), ("W3", 50)):
            aof = 100 * (commit + 17 * each)
            wire = 100 * (commit + 16 * each)
            results.written.append(
                Written(workload, method, 100 * each, 100, 10, aof, wire, 0, 4.0)
            )
    results.figures["idle_pod_mib"] = 60.0
    return results


def test_costs_are_found_again() -> None:
    found = fit.fit(_complete()).methods["Fused"].costs

    for sending in (*SENDINGS.values(), Sending(20, 60, 1.0)):
        assert found.pod(sending) == pytest.approx(TRUE.pod(sending), rel=0.01)
        assert found.redis(sending) == pytest.approx(TRUE.redis(sending), rel=0.01)
    assert found.conflict == pytest.approx(TRUE.conflict)
    assert found.read == pytest.approx(TRUE.read)
    assert found.fast_request == pytest.approx(TRUE.fast_request, rel=0.01)


def test_sizes_are_found_again() -> None:
    sizes = fit.fit(_complete()).methods["Fused"].sizes

    assert (sizes.aof_commit, sizes.aof_sample) == pytest.approx((700, 17), rel=1e-3)
    assert (sizes.wire_commit, sizes.wire_sample) == pytest.approx((700, 16), rel=1e-3)
    assert sizes.outbox == pytest.approx(20_000)
    # 40 MiB more than idle, for 10,000 series.
    assert sizes.pod_series == pytest.approx(40 * 2**20 / 10_000)


def test_a_model_that_is_written_reads_the_same(tmp_path: Path) -> None:
    fitted = fit.fit(_complete())

    model.dump(fitted, tmp_path / "model.json")

    assert model.load(tmp_path / "model.json") == fitted


@pytest.mark.parametrize("section", ["W1-100", "aof", "memory", "W2"])
def test_a_section_that_is_missing_is_named(section: str) -> None:
    results = _complete()
    results.runs = [run for run in results.runs if run.section != section]
    if section == "aof":
        results.written = []
    if section == "memory":
        results.filled = {}
    if section == "W2":
        results.runs = [run for run in results.runs if run.section == "W1-100"]

    with pytest.raises(BenchError, match=f"{section}.* needed"):
        fit.fit(results)


def test_the_committed_coefficients_are_a_model_of_both_methods() -> None:
    known = model.load()

    assert set(known.methods) == {"Fused", "ZScore"}
    assert {"measured_at", "cores", "cpu", "redis", "python", "commit"} <= set(known.machine)
