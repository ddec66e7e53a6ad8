"""A run counts only if all of its samples were counted."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from bench.loadgen import Phase, Report, parse
from bench.records import Run
from bench.run import Turn, record
from bench.servers import parse_metrics
from bench.variants import FUSED
from bench.workloads import workloads

NOTHING: Mapping[str, float] = {}


def _report(
    codes: Mapping[str, int],
    before: Mapping[str, float] = NOTHING,
    after: Mapping[str, float] = NOTHING,
) -> Report:
    def phase(samples: int, codes: Mapping[str, int]) -> Phase:
        return Phase(1.0, sum(codes.values()), samples, codes, {"p99": 1.0})

    return Report(
        phase(100, {"200": 100}),
        phase(1000, codes),
        {"loadgen": 9.0, "pod0": 0.25, "pod1": 0.5, "redis0": 0.125},
        {"pod0": 70, "pod1": 80, "redis0": 5},
        before,
        after,
    )


def _recorded(report: Report, committed: int) -> Run:
    turn = Turn("W1", workloads()["W1"], FUSED, 1)
    return record(turn, report, committed, [])


def test_a_sound_run_has_no_problems() -> None:
    assert _recorded(_report({"200": 1000}), 1100).problems == []


def test_a_sample_too_few_is_a_problem() -> None:
    problems = _recorded(_report({"200": 1000}), 1099).problems

    assert problems == ["1100 samples acknowledged, 1099 counted"]


def test_an_answer_that_is_not_2xx_is_a_problem() -> None:
    problems = _recorded(_report({"200": 1000, "503": 2}), 1100).problems

    assert problems == ["2 requests were not answered 2xx"]


def test_cpu_is_that_of_pods_and_redis_without_the_load_generator() -> None:
    run = _recorded(_report({"200": 1000}), 1100)

    assert run.pod_us == pytest.approx(750)
    assert run.redis_us == pytest.approx(125)
    assert run.total_us == pytest.approx(875)
    assert run.throughput == pytest.approx(1000)
    assert run.pod_rss_bytes == [70, 80]


def test_commits_and_groups_are_those_of_the_measured_phase() -> None:
    before = {"batch_series_sum": 100.0, "batch_series_count": 100.0}
    after = {
        "batch_series_sum": 650.0,
        "batch_series_count": 111.0,
        "commit_duration_seconds_sum": 0.5,
        "commit_conflicts_total": 3.0,
    }

    run = _recorded(_report({"200": 1000}, before, after), 1100)

    assert (run.commits, run.groups, run.group_seconds, run.conflicts) == (550, 11, 0.5, 3)


def test_the_load_generators_report_is_read_with_the_metrics_of_all_pods_together() -> None:
    phase = {"seconds": 1.0, "requests": 2, "samples": 2, "codes": {"200": 2}, "latency_ms": {}}
    page = "anomaly_pipeline_batch_series_count "
    text = json.dumps(
        {
            "warm": phase,
            "measured": phase,
            "cpu_seconds": {"pod0": 1.0},
            "rss_bytes": {"pod0": 70},
            "before": [f"{page}1\n", f"{page}2\n"],
            "after": [f"{page}10\n", f"{page}20\n"],
        }
    )

    assert parse(text).counted("batch_series_count") == 27
    assert parse(text).sent == 4


def test_metrics_are_summed_over_their_labels() -> None:
    text = (
        "# HELP anomaly_pipeline_samples_rejected_total x\n"
        "# TYPE anomaly_pipeline_samples_rejected_total counter\n"
        'anomaly_pipeline_samples_rejected_total{protocol="json",reason="future"} 2.0\n'
        'anomaly_pipeline_samples_rejected_total{protocol="json",reason="value"} 3.0\n'
        "process_cpu_seconds_total 1.5\n"
    )

    assert parse_metrics(text) == {
        "samples_rejected_total": 5.0,
        "process_cpu_seconds_total": 1.5,
    }
