"""Anomalies into words, rankings and the truth about the burst."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from demo.burst import Burst
from demo.findings import (
    Finding,
    Hit,
    burst_in_words,
    hits,
    number,
    peaks,
    strongest,
    truth,
    why,
)
from demo.sample import Sample
from demo.tally import Tally

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BURST = Burst(NOON.timestamp(), NOON.timestamp() + 6)
RAW = {
    "id": "5f0c-1767268800500",
    "metric": "cpu_percent",
    "labels": {"device": "vm"},
    "time": "2026-01-01T12:00:00.500Z",
    "value": 97.0,
    "score": 8.5,
    "threshold": 2.0,
    "family": "zscore",
    "z": 8.5,
    "mean": 12.0,
    "std": 10.0,
    "n": 110,
    "expected": [-8.0, 32.0],
}
FOUND = Finding.of(RAW)


def at(seconds: float, **changes: object) -> Finding:
    """An anomaly so long after the burst's start."""
    return dataclasses.replace(FOUND, time=NOON + timedelta(seconds=seconds), **changes)  # type: ignore[arg-type]


def test_an_entry_of_the_api_becomes_a_finding() -> None:
    """Every column of the table comes from the answer, the time with its zone."""
    assert FOUND.device == "vm"
    assert FOUND.time == NOON + timedelta(seconds=0.5)
    assert FOUND.expected == (-8.0, 32.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, "8.1 times the mean of 110 samples, 12.00; sigma is 10.00", id="jump"),
        pytest.param(
            {"value": 600.0}, "50 times the mean of 110 samples, 12.00; sigma is 10.00", id="leap"
        ),
        pytest.param(
            {"value": 15.0, "std": 0.2},
            "25 % above the mean of 110 samples, 12.00; sigma is 0.200",
            id="a little above",
        ),
        pytest.param(
            {"value": 3.0, "std": 2.0},
            "75 % below the mean of 110 samples, 12.00; sigma is 2.00",
            id="below",
        ),
        pytest.param(
            {"value": 5.0, "mean": 0.0, "std": 1.0, "n": 40},
            "5.00 above the mean of 40 samples, 0; sigma is 1.00",
            id="no ratio to a mean of zero",
        ),
        pytest.param(
            {"std": 0.0}, "the 110 samples before it were all 12.00", id="a constant series"
        ),
        pytest.param(
            {"family": "level", "score": 7.25},
            "8.1 times the mean of 110 samples, 12.00; evidence: level, score 7.2",
            id="another kind of evidence",
        ),
    ],
)
def test_why_is_told_in_words(changes: dict[str, object], words: str) -> None:
    """The words compare the value with what came before it, and say how much is usual."""
    assert why(at(0, **changes)) == words


def test_the_strongest_of_a_device_come_first_and_the_rest_is_counted() -> None:
    """The table shows a few; how many it does not show is said."""
    found = [at(i, score=score) for i, score in enumerate([3.0, 9.0, 2.5, 5.0])]
    other = dataclasses.replace(FOUND, device="waterflow")

    group = strongest([*found, other], "vm", 2)

    assert [one.score for one in group.shown] == [9.0, 5.0]
    assert group.weaker == 2


def test_a_burst_is_found_by_the_first_anomaly_of_each_series_that_stood_out() -> None:
    """Soonest first; later ones of the series add nothing."""
    found = [at(3), at(0.8), at(0.4, metric="network")]

    told = hits(found, {"cpu_percent": 8.5, "network": 200.0}, BURST, "vm")

    assert [hit.metric for hit in told] == ["network", "cpu_percent"]
    assert [hit.after_seconds for hit in told] == pytest.approx([0.4, 0.8])


@pytest.mark.parametrize(
    ("finding", "peak"),
    [
        pytest.param(at(-0.1), 8.5, id="before it"),
        pytest.param(at(6.5), 8.5, id="after it"),
        pytest.param(at(1, value=2.0), 8.5, id="on the low side"),
        pytest.param(at(1, device="waterflow"), 8.5, id="of another source"),
        pytest.param(at(1), 2.5, id="in a series that did not stand out"),
    ],
)
def test_what_is_not_of_the_burst_does_not_count_as_finding_it(
    finding: Finding, peak: float
) -> None:
    """A chance anomaly must not be sold as a find."""
    assert hits([finding], {"cpu_percent": peak}, BURST, "vm") == ()


def test_the_peak_of_a_series_ignores_samples_without_a_score() -> None:
    """Warming samples have no z."""
    cpu, memory = Sample("cpu", "vm", 1, 1), Sample("memory", "vm", 1, 1)
    during: list[tuple[Sample, dict[str, float | None]]] = [
        (cpu, {"z": 3.0}),
        (cpu, {"z": 9.0}),
        (cpu, {"z": None}),
        (memory, {"z": -1.0}),
    ]

    assert peaks(during) == {"cpu": 9.0, "memory": -1.0}


def test_the_burst_is_told_with_delay_and_with_what_did_not_see_it() -> None:
    """Found or not, each series gets its due."""
    told = burst_in_words([Hit("network", 0.41, 454.2)], {"network": 500.0, "cpu": 1.3}, BURST)

    assert "found in 1 of 2 series: network after 0.4 s (z 454.2)." in told
    assert "cpu did not stand out (z 1.30 at most)." in told


def test_a_burst_that_was_missed_is_called_missed() -> None:
    """No find is said plainly, and a silenced series is named."""
    told = burst_in_words([], {"network": 235.8, "cpu": 1.2}, BURST)

    assert "NOT found" in told
    assert "network rose to z 235.8, but an anomaly there shortly before was still open." in told


def test_the_truth_has_all_figures() -> None:
    """Share of outliers over what was scored, not over what was sent."""
    recorded = Tally(requests=100, sent=100, taken=99, scored=70, outliers=5, seconds=0.5)
    recorded.refused = {"duplicate": 1}
    live = Tally(requests=10, sent=40, taken=40, scored=30, outliers=5)

    told = truth(recorded, live, 7)

    assert told.startswith("140 samples sent in 110 requests (200 requests/s")
    assert ", 1 duplicate;" in told
    assert "100 scored, 10 outliers (10.0 %" in told
    assert "7 anomalies" in told


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.01234, "0.0123"),
        (-14.206, "-14.21"),
        (102.31, "102.3"),
        (12092.4, "12,092"),
        (1e6, "1e6"),
        (-2.5e8, "-2.5e8"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    """A table cell holds what a person compares, not every digit."""
    assert number(value) == text
