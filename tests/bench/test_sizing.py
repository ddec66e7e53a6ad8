"""Capacity by the model: how many pods, how much of everything."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bench import capacity, sizing
from bench.model import Coefficients, Costs, Model, Sending, Sizes
from bench.sizing import Question
from hypothesis import given
from hypothesis import strategies as st

KNOWN = Coefficients(
    Costs(
        request=40.0,
        fast_request=12.0,
        group=100.0,
        commit=2.0,
        sample=0.8,
        redis_call=20.0,
        redis_commit=4.0,
        conflict=(6.0, 3.0),
        read=(5.0, 2.0),
    ),
    Sizes(
        block=3672,
        series=4200,
        outbox=1e6,
        aof_commit=700,
        aof_sample=16,
        wire_commit=650,
        wire_sample=16,
        pod=60 * 2**20,
        pod_series=4000,
    ),
    commit_seconds=0.001,
)

questions = st.builds(
    Question,
    series=st.integers(1, 20_000_000),
    interval_seconds=st.floats(0.1, 3600),
    request=st.sampled_from([1, 10, 500, 5000]),
    per_series=st.integers(1, 50),
    affinity=st.booleans(),
    fast_path=st.booleans(),
    window=st.integers(10, 2880),
    utilisation=st.floats(0.1, 0.9),
)


def _notes(question: Question) -> str:
    return "\n".join(sizing.warnings(question, sizing.answer(question, KNOWN), KNOWN))


def test_a_request_is_shared_by_its_samples_and_a_call_by_its_group() -> None:
    one, many = Sending(1, 1, 1.0), Sending(500, 500, 1.0)

    assert KNOWN.costs.pod(one) == pytest.approx(40 + 100 + 2 + 0.8)
    assert KNOWN.costs.pod(many) == pytest.approx(40 / 500 + 100 / 500 + 2 + 0.8)
    assert KNOWN.costs.redis(one) == pytest.approx(20 + 4)
    assert KNOWN.costs.redis(many) == pytest.approx(4 * 20 / 500 + 4)


def test_the_front_protocol_makes_requests_cheaper() -> None:
    one = Sending(1, 50, 1.0)

    assert KNOWN.costs.pod(one) - KNOWN.costs.pod(one, fast_path=True) == pytest.approx(28)


@given(st.floats(1, 512), st.integers(1, 256))
def test_a_group_makes_no_more_calls_than_it_has_series_or_there_are_partitions(
    group: float, partitions: int
) -> None:
    calls = Sending(1, group, 1.0).calls(partitions)

    assert 0 < calls <= min(group, partitions) + 1e-9


@given(questions)
def test_the_pods_carry_what_they_are_given(question: Question) -> None:
    found = sizing.answer(question, KNOWN)

    assert found.pods == sizing.MOST_PODS or (
        found.pod_cores / found.pods <= question.utilisation + 1e-9
    )
    assert found.redis_cores / found.primaries <= question.utilisation + 1e-9
    assert found.redis_bytes / found.primaries <= question.primary_bytes + 1e-3


@given(questions)
def test_more_series_never_take_less(question: Question) -> None:
    fewer = sizing.answer(question, KNOWN)
    more = sizing.answer(replace(question, series=question.series * 2), KNOWN)

    assert more.redis_bytes > fewer.redis_bytes
    assert more.aof_bytes_per_day > fewer.aof_bytes_per_day
    assert more.wire_bytes > fewer.wire_bytes


@given(questions)
def test_affinity_is_never_dearer(question: Question) -> None:
    pinned = sizing.answer(replace(question, affinity=True), KNOWN)
    random = sizing.answer(replace(question, affinity=False), KNOWN)

    assert pinned.stale == 0.0
    assert pinned.read_bytes <= random.read_bytes


@given(questions)
def test_shares_of_commits_are_shares(question: Question) -> None:
    found = sizing.answer(question, KNOWN)

    assert 0 <= found.stale + found.unread <= 1


def test_one_pod_never_starts_from_a_stale_block() -> None:
    assert sizing.answer(Question(1000, 60.0), KNOWN).stale == 0.0


def test_half_of_the_commits_of_two_pods_are_stale() -> None:
    question = Question(8000, 0.02, request=500)

    found = sizing.answer(question, KNOWN)

    assert found.pods >= 2
    assert found.stale == pytest.approx(1 - 1 / found.pods)


def test_memory_of_redis_is_that_of_series_and_outbox() -> None:
    found = sizing.answer(Question(100_000, 10.0), KNOWN)

    assert found.redis_bytes == pytest.approx(100_000 * 4200 + 4 * 1e6)


def test_a_longer_window_takes_sixteen_bytes_a_sample_more() -> None:
    short = sizing.answer(Question(1000, 10.0, window=120), KNOWN)
    long = sizing.answer(Question(1000, 10.0, window=720), KNOWN)

    assert long.redis_bytes - short.redis_bytes == pytest.approx(1000 * 600 * 16)


def test_samples_collected_by_series_share_a_commit() -> None:
    alone = sizing.answer(Question(1000, 1.0, request=500), KNOWN)
    collected = sizing.answer(Question(1000, 1.0, request=500, per_series=50), KNOWN)

    assert collected.aof_bytes_per_day == pytest.approx(1000 * (700 / 50 + 16) * 86_400)
    assert collected.redis_us < alone.redis_us / 10


def test_more_series_than_the_cache_holds_are_read_every_time() -> None:
    small = sizing.answer(Question(10_000, 10.0), KNOWN)
    large = sizing.answer(Question(11_000, 10.0), KNOWN)

    assert (small.unread, large.unread) == (0.0, 1.0)
    assert "workers.maxCacheBytes" in _notes(Question(11_000, 10.0))


def test_with_affinity_each_pod_caches_its_share() -> None:
    question = Question(19_000, 0.05, request=500, affinity=True)

    found = sizing.answer(question, KNOWN)

    assert found.pods >= 2
    assert found.unread == 0.0


def test_what_exceeds_one_redis_core_asks_for_a_cluster_with_enough_partitions() -> None:
    notes = _notes(Question(100_000, 0.5, request=500))

    assert "a Cluster of" in notes
    assert "redis.partitions" in notes


def test_reading_that_fills_half_a_gigabit_is_told() -> None:
    notes = _notes(Question(1_000_000, 10.0, request=500))

    assert "more than half of a gigabit network" in notes
    assert "from Redis; workers.maxCacheBytes 3,502 Mi would hold them, and with" in notes


def test_affinity_is_not_offered_to_who_has_it_or_one_pod_only() -> None:
    assert "affinity" not in _notes(Question(1_000_000, 10.0, request=500, affinity=True))
    assert "affinity" not in _notes(Question(100_000, 100.0, request=500))


def test_more_pods_than_needed_may_be_asked_for() -> None:
    found = sizing.answer(Question(1000, 10.0, least_pods=3), KNOWN)

    assert found.pods == 3
    assert found.stale == pytest.approx(2 / 3)


def test_single_samples_at_a_high_rate_are_told_what_batches_would_cost() -> None:
    assert "in requests of 512 it would cost" in _notes(Question(5000, 1.0))


def test_a_small_pipeline_has_nothing_to_be_told() -> None:
    assert _notes(Question(1000, 60.0)) == ""


def test_an_answer_reads_like_one() -> None:
    machine = {
        "measured_at": "2026-01-02T03:04:05+00:00",
        "cores": 2,
        "cpu": "x",
        "redis": "7",
        "python": "3.11",
        "commit": "abc",
    }
    question = Question(1000, 10.0)

    text = capacity.text(
        question, sizing.answer(question, KNOWN), "Fused", Model(machine, {"Fused": KNOWN})
    )

    assert "1,000 series, a sample every 10 s: 100 samples/s, one a request" in text
    assert "pods            1 (" in text
    assert "2026-01-02" in text


@pytest.mark.parametrize("wrong", ["10", "soon", "0s"])
def test_an_interval_that_is_no_duration_is_refused(
    wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        capacity.main(["--series", "10", "--interval", wrong])

    assert "argument --interval: must be" in capsys.readouterr().err
