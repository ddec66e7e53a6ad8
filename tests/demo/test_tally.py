"""Counting verdicts."""

from __future__ import annotations

from demo.tally import Tally


def test_verdicts_are_counted_by_what_became_of_the_sample() -> None:
    """Warming samples are taken but not scored; duplicates and late ones are neither."""
    tally = Tally()
    tally.add([{"status": "warming"}, {"status": "ok"}])
    tally.add([{"status": "outlier", "anomaly": {"id": "x"}}, {"status": "outlier"}])
    tally.add([{"status": "duplicate"}, {"status": "late"}])

    assert tally == Tally(
        requests=3, sent=6, taken=4, scored=3, outliers=2, anomalies=1,
        refused={"duplicate": 1, "late": 1},
    )  # fmt: skip


def test_two_sources_add_up() -> None:
    """Each keeps its own figures; the sum has both."""
    both = Tally(requests=2, sent=2, refused={"late": 1}) + Tally(requests=1, sent=4)

    assert (both.requests, both.sent, both.refused) == (3, 6, {"late": 1})


def test_a_rate_needs_time_to_have_passed() -> None:
    """Before the first answer it is 0."""
    assert Tally().requests_per_second == 0
    assert Tally(requests=30, seconds=1.5).requests_per_second == 20
