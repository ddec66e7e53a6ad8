"""Verdicts on figures, and the text that people read."""

from __future__ import annotations

import re

import pytest
from bench import report, targets
from bench.results import Results

from bench_runs import a_run


def _results(**figures: float) -> Results:
    return Results({}, {"series": 10_000}, figures=dict(figures))


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [(0.66, "NOT MET"), (0.65, "met"), (0.51, "met"), (0.50, "reached"), (None, "not measured")],
)
def test_a_ratio_is_met_up_to_its_bound(measured: float | None, verdict: str) -> None:
    assert report.verdict(measured, 0.65, 0.50) == verdict


@pytest.mark.parametrize(("measured", "verdict"), [(19.0, "NOT MET"), (20, "met"), (50, "reached")])
def test_of_a_speed_up_more_is_better(measured: float, verdict: str) -> None:
    assert report.verdict(measured, 20, 50, at_least=True) == verdict


def test_nothing_beyond_the_bound_can_be_reached_where_nothing_is_asked_for() -> None:
    assert report.verdict(1.0, 10, None) == "met"


def test_every_target_has_a_row() -> None:
    judged = report.judge(_results())

    assert len(judged) == len(targets.RATIOS) + len(targets.BOUNDS)
    assert {row.verdict for row in judged} == {"not measured"}


def test_a_row_shows_the_median_and_the_range() -> None:
    results = _results()
    for number, ours in enumerate((10, 20, 60), start=1):
        results.runs += [
            a_run("ours, Fused", "W2", round_number=number, pod_us=ours, redis_us=0),
            a_run("Go", "W2", round_number=number, pod_us=100, redis_us=0),
        ]

    row = next(row for row in report.judge(results) if row.words == "W2 total CPU a sample")

    assert row.measured == "0.200 (0.100-0.600)"
    assert row.verdict == "NOT MET"


def test_figures_are_judged_with_their_units() -> None:
    row = next(
        row
        for row in report.judge(_results(aof_bytes_fused=747.4))
        if row.words.startswith("AOF of a commit")
    )

    assert (row.must, row.measured, row.verdict) == ("<= 750 B", "747.4 B", "met")


def test_a_run_that_does_not_count_is_named_in_the_report() -> None:
    results = _results()
    results.runs += [a_run("Go"), a_run("ours, Fused", problems=("12 duplicates",))]

    text = report.text(results)

    assert "RUNS THAT DO NOT COUNT:\n  W1, ours, Fused, round 1: 12 duplicates" in text


def test_a_section_shows_how_throughput_grows() -> None:
    results = _results()
    for name, seconds in (("1 pod", 1.0), ("2 pods, chosen at random", 0.5)):
        results.runs.append(a_run(name, "pods", samples=3000, seconds=seconds, conflicts=1500))

    text = report.text(results)

    assert "pods: CPU a sample; x: times 1 pod" in text
    row = next(line for line in text.splitlines() if line.startswith("  2 pods, chosen at random"))
    assert re.split(r" {2,}", row.strip())[1:] == [
        "10.00",
        "5.00",
        "15.00",
        "1",
        "6000",
        "2",
        "2.0",
        "500",
        "100",
    ]
