"""Order of runs, and what their figures say together."""

from __future__ import annotations

import pytest
from bench import rounds, variants
from hypothesis import given
from hypothesis import strategies as st

from bench_runs import a_run


def test_a_round_goes_there_and_back() -> None:
    order = rounds.there_and_back((variants.GO, variants.FUSED, variants.ZSCORE))

    assert [variant.name for variant in order] == [
        "Go",
        "ours, Fused",
        "ours, ZScore",
        "ours, ZScore",
        "ours, Fused",
        "Go",
    ]


def test_a_drift_that_is_even_over_a_round_cancels() -> None:
    order = rounds.there_and_back((variants.GO, variants.FUSED))
    runs = [
        a_run(variant.name, pod_us=(10 if variant == variants.GO else 5) + slower, redis_us=0)
        for slower, variant in enumerate(order)
    ]

    found = rounds.ratio(runs, "W1", "ours, Fused", "Go", "pod_us")

    assert found is not None
    assert found.median == pytest.approx((5 + 1.5) / (10 + 1.5))


def test_a_ratio_is_that_of_the_same_round_and_the_median_of_all() -> None:
    runs = [
        run
        for number, (ours, theirs) in enumerate(((5, 10), (6, 30), (9, 10)), start=1)
        for run in (
            a_run("ours", round_number=number, pod_us=ours, redis_us=0),
            a_run("Go", round_number=number, pod_us=theirs, redis_us=0),
        )
    ]

    found = rounds.ratio(runs, "W1", "ours", "Go", "total_us")

    assert found is not None
    assert found.rounds == pytest.approx((0.5, 0.2, 0.9))
    assert found.median == pytest.approx(0.5)


def test_cpu_a_sample_weighs_runs_by_their_samples() -> None:
    runs = [a_run("Go", samples=1000, pod_us=10), a_run("Go", samples=3000, pod_us=2)]

    assert rounds.value(runs, "pod_us") == pytest.approx(4.0)
    assert rounds.value(runs, "total_us") == pytest.approx(9.0)


def test_throughput_is_all_samples_by_all_seconds() -> None:
    runs = [a_run("Go", samples=1000, seconds=1), a_run("Go", samples=1000, seconds=3)]

    assert rounds.value(runs, "throughput") == pytest.approx(500)


def test_a_run_that_does_not_count_takes_its_round_along() -> None:
    runs = [
        a_run("ours", round_number=1, pod_us=1),
        a_run("Go", round_number=1, problems=("3 duplicates",)),
        a_run("ours", round_number=2, pod_us=4, redis_us=0),
        a_run("Go", round_number=2, pod_us=8, redis_us=0),
    ]

    found = rounds.ratio(runs, "W1", "ours", "Go", "total_us")

    assert found is not None
    assert found.rounds == pytest.approx((0.5,))


def test_other_sections_do_not_mix_in() -> None:
    runs = [a_run("ours", "W1"), a_run("Go", "W2")]

    assert rounds.ratio(runs, "W1", "ours", "Go", "total_us") is None


@given(st.lists(st.floats(0.1, 1e3), min_size=1, max_size=7), st.floats(0.01, 10))
def test_a_machine_of_another_speed_gives_the_same_ratio(costs: list[float], speed: float) -> None:
    def measured(factor: float) -> list[float]:
        runs = [
            run
            for number, cost in enumerate(costs)
            for run in (
                a_run("ours", round_number=number, pod_us=cost * factor, redis_us=0),
                a_run("Go", round_number=number, pod_us=50 * factor, redis_us=0),
            )
        ]
        found = rounds.ratio(runs, "W1", "ours", "Go", "pod_us")
        assert found is not None
        return list(found.rounds)

    assert measured(speed) == pytest.approx(measured(1.0))
