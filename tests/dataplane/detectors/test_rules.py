"""Which rules a series goes by, and what they do to its samples."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.contract.config import Detection, Ingest, Match
from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.contract.fields import InvalidConfig
from anomaly_dataplane.detectors.clock import clock_of
from anomaly_dataplane.detectors.kernel import score_group
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.numbers import LOG1P, PLAIN, WIDTH
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from anomaly_dataplane.detectors.scores import CALM, ENDED, REPORTING, RESTARTED, Scores
from anomaly_dataplane.sample import Code
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import (
    HORIZON,
    MARKS,
    NEWEST,
    OUT_OF_RANGE,
    RAW,
    STALE_BIT,
)
from blocks import blank_blocks
from samples import a_config, a_series

START = 1_767_225_600_000.0


def a_book(**detection: object) -> Rulebook:
    return Rulebook.of(a_config(detection=detection))


def rules_of(book: Rulebook, series: Series) -> Rules:
    return book.entries[book.row_of(series) // 2]


class Pod:
    """The block of one series, scored by the rules of a config."""

    def __init__(self, series: Series | None = None, **detection: object) -> None:
        self.method = METHODS[Name(str(detection.setdefault("method", "ZScore")))]
        detection.setdefault("minSamples", 5)
        self.book = a_book(**detection)
        self.layout = self.method.layout(20)
        self.slab = blank_blocks(self.layout)
        self.ruled = array("i", [self.book.row_of(series or a_series())])
        self.time = START

    def score(self, values: list[float], step: float = 60_000.0) -> Scores:
        times = [self.time + step * i for i in range(len(values))]
        self.time = times[-1] + step
        return self.at(times, values)

    def at(self, times: list[float], values: list[float]) -> Scores:
        return score_group(
            self.slab,
            self.layout,
            self.method,
            array("i", [0]) * len(values),
            array("d", times),
            array("d", values),
            self.book,
            self.ruled,
        )


def test_the_first_override_whose_match_holds_counts() -> None:
    """Plain names, expressions and labels; what an override leaves out stays as it was."""
    book = a_book(
        threshold="3",
        minSamples=40,
        overrides=[
            {"match": {"metric": "temperature", "labels": {"site": "a|b"}}, "threshold": "4"},
            {
                "name": "all-temps",
                "match": {"metric": "temp.*"},
                "threshold": "5",
                "minSamples": 50,
            },
            {"match": {"metric": "temperature"}, "threshold": "6"},
        ],
    )

    def found(metric: str, **labels: str) -> tuple[str, float, int]:
        rules = rules_of(book, Series(metric, labels, 4))
        return rules.name, rules.threshold, rules.min_samples

    assert found("temperature", site="a") == ("overrides[0]", 4.0, 40)
    assert found("temperature", site="ab") == ("all-temps", 5.0, 50)
    assert found("my_temperature") == ("", 3.0, 40)
    assert found("temperature") == ("all-temps", 5.0, 50)


def test_a_label_that_is_missing_is_empty() -> None:
    """As in Prometheus, whose users know it so."""
    book = a_book(overrides=[{"match": {"labels": {"site": ""}}, "threshold": "4"}])

    assert rules_of(book, a_series()).threshold == 4.0
    assert rules_of(book, a_series(site="a")).threshold == 2.0


def test_the_rule_of_a_series_is_looked_up_once_a_book() -> None:
    """A hundred overrides must not cost with every sample."""
    book, series = a_book(overrides=[{"match": {"metric": "t"}, "threshold": "4"}]), a_series("t")

    first = book.row_of(series)
    book._matchers = ()

    assert (first, book.row_of(series)) == (2, 2)
    assert a_book().row_of(series) == 0


@pytest.mark.parametrize(
    ("change", "plain"),
    [
        ({}, True),
        ({"threshold": 3.0, "gap_ms": 1.0, "stale_ms": 1.0, "accept_after_samples": 3}, True),
        ({"above": False}, False),
        ({"below": False}, False),
        ({"min_abs_deviation": 0.1}, False),
        ({"min_rel_deviation": 0.1}, False),
        ({"transform": LOG1P}, False),
        ({"lowest": 0.0}, False),
        ({"highest": 0.0}, False),
        ({"learns": False}, False),
        ({"excluded": True}, False),
    ],
)
def test_rules_that_ask_for_nothing_but_a_threshold_are_plain(
    change: Mapping[str, float], plain: bool
) -> None:
    """The kernel asks those for no more; a counter's rate is asked for by its own row."""
    rules = replace(Rules.of(Detection(), Ingest()), **change)  # type: ignore[arg-type]

    assert rules.numbers[PLAIN] == plain
    assert rules.numbers[WIDTH + PLAIN] == 0.0


@given(st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 7.0]), max_size=80), st.data())
def test_the_short_way_of_plain_rules_leads_where_the_long_one_does(
    values: list[float], data: st.DataObject
) -> None:
    """Blocks, verdicts and events: it only asks less."""
    steps = data.draw(st.lists(st.integers(-2, 5), min_size=len(values), max_size=len(values)))
    times = [START + 20_000.0 * step for step in accumulate(steps)]
    short, long = Pod(gapAfter="1m"), Pod(gapAfter="1m")
    assert short.book.numbers[PLAIN] == 1.0
    long.book.numbers[PLAIN] = 0.0

    assert short.at(times, values) == long.at(times, values)
    assert bytes(short.slab) == bytes(long.slab)


def test_a_preset_of_an_override_wins_over_the_score_of_all_others() -> None:
    """Who overrides the sensitivity wants it to have an effect."""
    book = a_book(
        method="Fused", score="7", overrides=[{"match": {"metric": "t"}, "sensitivity": "High"}]
    )

    assert rules_of(book, a_series("t")).alarm_score == 4.5
    assert rules_of(book, a_series("u")).alarm_score == 7.0


@pytest.mark.parametrize(
    ("detection", "path"),
    [
        ({"overrides": [{"match": {"metric": "("}}]}, "detection.overrides[0].match.metric"),
        ({"overrides": [{"matches": {}}]}, "detection.overrides[0].matches"),
        ({"overrides": [{"minSamples": 500}]}, "detection.overrides[0].minSamples"),
        ({"validRange": {"min": "3", "max": "2"}}, "detection.validRange"),
        ({"timeZone": "Mars/Olympus"}, "detection.timeZone"),
        ({"staleAfter": "5"}, "detection.staleAfter"),
    ],
)
def test_what_cannot_be_used_is_named(detection: Mapping[str, object], path: str) -> None:
    """A wrong expression must not wait for the first series that meets it."""
    with pytest.raises(InvalidConfig) as caught:
        a_config(detection=detection)

    assert [error.path for error in caught.value.errors] == [path]


def test_an_excluded_series_is_taken_and_never_scored() -> None:
    """It still counts once: a repeat is a duplicate."""
    pod = Pod(exclude=[{"metric": "temp.*"}])

    scores = pod.score([1.0] * 30 + [1e9])

    assert set(scores.codes) == {Code.OK}
    assert not any(scores.z)
    assert not scores.raised
    assert set(pod.at([START], [1.0]).codes) <= {Code.DUPLICATE, Code.LATE}


def test_counters_are_scored_by_their_rate() -> None:
    """A total that grows by 60 a minute is 1 a second, whatever it has grown to."""
    series = a_series("requests_total")
    series.cumulative = True
    pod = Pod(series)
    pod.score([60.0 * i + 0.1 * (i % 3) for i in range(40)])

    scores = pod.score([60.0 * 40 + 600.0])

    assert scores.mean[0] == pytest.approx(1.0, abs=0.01)
    assert list(scores.raised) == [0]
    assert scores.raised[0].value > 9.0


def test_once_a_counter_always_one() -> None:
    """A pod that was not told goes by what the block says."""
    series = a_series("requests_total")
    pod = Pod(series)
    pod.ruled[0] = 1
    pod.score([60.0 * i for i in range(10)])
    pod.ruled[0] = 0

    assert pod.score([600.0]).mean[0] == pytest.approx(1.0)


def test_a_reset_of_a_counter_is_no_drop() -> None:
    """A process that restarts counts from 0: nobody knows its rate over the gap."""
    pod = Pod(transform="Rate")
    pod.score([60.0 * i + 0.1 * (i % 2) for i in range(100, 130)])

    scores = pod.score([3.0, 63.0, 123.0])

    assert list(scores.codes) == [Code.OK] * 3
    assert scores.z[0] == 0.0
    assert scores.n[1] == 19  # of 20: all but the reset


@pytest.mark.parametrize(
    ("transform", "values", "mean"),
    [
        ("None", [1.0, 2.0, 4.0, 8.0, 16.0, 32.0], 6.2),
        ("Delta", [0.0, 1.0, 3.0, 2.0, 5.0, 6.0, 7.0], 1.2),
        ("Log1p", [math.e - 1.0, 1.0 - math.e] * 3, 0.2),
        ("Rate", [0.0, 60.0, 240.0, 300.0, 420.0, 480.0, 540.0], 1.6),
    ],
)
def test_a_transform_makes_the_values_of_the_window(
    transform: str, values: list[float], mean: float
) -> None:
    """Mean of what is scored, before the last sample."""
    scores = Pod(transform=transform).score(values)

    assert scores.mean[-1] == pytest.approx(mean)


def test_a_late_sample_has_no_difference() -> None:
    """Its neighbours were compared with each other already."""
    pod = Pod(transform="Delta")
    pod.score([float(i) for i in range(10)])

    scores = pod.at([pod.time - 90_000.0], [1e6])

    assert scores.codes[0] in {Code.OK, Code.LATE}
    assert scores.z[0] == 0.0


def test_another_transform_starts_the_series_over() -> None:
    """Rates are no totals; repeats are known all the same."""
    pod = Pod()
    pod.score([100.0] * 10)
    pod.book = a_book(method="ZScore", minSamples=5, transform="Rate")
    last = pod.time - 60_000.0

    again = pod.at([last], [100.0])
    scores = pod.score([160.0])

    assert again.codes[0] == Code.DUPLICATE
    assert (scores.codes[0], scores.n[0], scores.changes.restarted[0]) == (Code.WARMING, 0, 1)


def test_a_value_out_of_range_is_an_anomaly_and_is_not_learnt() -> None:
    """A sensor that reports -999 is broken, from the first sample on, and teaches nothing."""
    pod = Pod(validRange={"min": "0", "max": "150"}, holdOffSamples=0)

    scores = pod.score([20.0, 21.0, -999.0, -999.0, 20.5, 20.0, 21.0, 20.0, 21.0])

    assert list(scores.codes[2:4]) == [Code.OUTLIER] * 2
    assert list(scores.raised) == [2]
    assert (scores.raised[2].family, scores.raised[2].above) == (OUT_OF_RANGE, False)
    assert scores.mean[-1] == pytest.approx(20.4166, abs=0.01)
    assert scores.n[-1] == 6
    calm = pod.score([20.0, 20.5]).ended
    assert [ended.how for ended in [*scores.ended, *calm]] == [CALM]


def test_after_a_gap_the_window_starts_over() -> None:
    """What was normal before the machine stood still need not be so after."""
    pod = Pod(gapAfter="10m", holdOffSamples=0, repeatAfterSamples=10)
    pod.score([10.0, 11.0] * 10)
    pod.score([90.0])
    pod.time += 600_001.0

    scores = pod.score([500.0, 501.0, 500.0])

    assert list(scores.codes) == [Code.WARMING] * 3
    assert [ended.how for ended in scores.ended] == [RESTARTED]


def test_without_a_gap_policy_a_gap_only_delays() -> None:
    """The default."""
    pod = Pod()
    pod.score([10.0, 11.0] * 10)
    pod.time += 86_400_000.0

    assert pod.score([500.0]).codes[0] == Code.OUTLIER


def test_a_stale_marker_closes_a_series_until_its_next_sample() -> None:
    """Its episode ends, the sample that was none changes no window, and silence is no anomaly."""
    pod = Pod()
    pod.score([10.0, 11.0] * 10)
    pod.score([90.0])

    closed = pod.score([math.nan])
    repeated = pod.at([START + 1.0], [math.nan])

    assert closed.codes[0] == repeated.codes[0] == Code.CLOSED
    assert [ended.how for ended in closed.ended] == [ENDED]
    assert repeated.changes.slots == array("i")
    assert pod.score([10.0]).n[0] == 20


def test_a_silence_that_was_told_ends_with_the_next_sample() -> None:
    """Whichever pod takes it."""
    pod = Pod()
    pod.score([10.0, 11.0])
    pod.slab[MARKS] += STALE_BIT

    first = pod.score([10.0])
    second = pod.score([10.0])

    assert [(ended.how, ended.episode) for ended in first.ended] == [(REPORTING, START + 60_000.0)]
    assert second.ended == []


@pytest.mark.parametrize(
    ("zone", "utc", "local_hour"),
    [
        ("UTC", 1_767_268_800.0, 12.0),
        ("Europe/Berlin", 1_767_268_800.0, 13.0),
        ("Europe/Berlin", 1_782_820_800.0, 14.0),
        ("Asia/Kolkata", 1_767_268_800.0, 17.5),
        ("America/New_York", 1_767_268_800.0, 7.0),
    ],
)
def test_a_clock_knows_local_time_and_its_changes(zone: str, utc: float, local_hour: float) -> None:
    """Half past eight is breakfast in winter and in summer."""
    clock = clock_of(zone)
    at = max(i for i, start in enumerate(clock.starts) if start <= 1000.0 * utc)

    assert (utc + clock.offsets[at]) % 86400.0 / 3600.0 == local_hour


def test_the_season_goes_by_local_time() -> None:
    """The same hours are in other bins elsewhere, and summer time moves them."""
    blocks = []
    for zone in ("UTC", "Asia/Kolkata"):
        pod = Pod(method="Seasonal", minSamples=2, timeZone=zone)
        pod.score([float(i % 48) for i in range(96)], step=1_800_000.0)
        blocks.append(pod.slab[pod.layout.cold_at : pod.layout.ring_at].tolist())

    assert blocks[0] != blocks[1]
    assert blocks[0][0::2][0] == blocks[1][0::2][11]


def test_persistence_is_asked_for_by_alerting() -> None:
    """How often people hear of something is no matter of scores."""
    book = Rulebook.of(a_config(alerting={"minConsecutive": 2, "of": 3}))

    assert (book.entries[0].consecutive, book.entries[0].out_of) == (2, 3)
    with pytest.raises(InvalidConfig, match=r"alerting.minConsecutive: must be at most"):
        a_config(alerting={"minConsecutive": 4, "of": 3})


def test_what_is_not_learnt_is_scored_and_leaves_the_state_as_it_was() -> None:
    """But for when the series was last seen: an hour of maintenance ages nothing out."""
    pod = Pod(overrides=[{"match": {"metric": ".*"}, "transform": "Delta"}])
    pod.score([float(i % 3) for i in range(40)])
    before = list(pod.slab)
    own = pod.book
    pod.book = Rulebook.of(
        a_config(
            detection={
                "method": "ZScore",
                "minSamples": 5,
                "overrides": [{"match": {"metric": ".*"}, "transform": "Delta"}],
            }
        ),
        [Match(metric="temp.*")],
    )
    pod.ruled[0] = pod.book.row_of(a_series())

    seen = pod.score([1e6 * (i % 2) for i in range(100)])

    assert list(seen.codes) == [Code.OK] + [Code.OUTLIER] * 99
    assert not seen.raised
    assert list(seen.changes.unlearnt) == [100]
    kept = {NEWEST, HORIZON, RAW, MARKS}
    assert [at for at, value in enumerate(pod.slab) if value != before[at]] == sorted(
        at for at in kept if pod.slab[at] != before[at]
    )
    newest = pod.time - 60_000.0
    assert list(pod.at([newest, newest - 1.0], [1.0, 1.0]).codes) == [Code.DUPLICATE, Code.LATE]

    pod.book, pod.ruled[0] = own, own.row_of(a_series())
    assert list(pod.at([newest], [1.0]).codes) == [Code.DUPLICATE]
    assert list(pod.score([1e6, 1e6 + 1.0]).codes) == [Code.OK, Code.OK]


def test_a_series_that_comes_up_while_nothing_is_learnt_learns_afterwards() -> None:
    """It is known by then, and nothing more."""
    pod = Pod()
    own = pod.book
    pod.book = Rulebook.of(a_config(detection={"method": "ZScore"}), [Match()])
    pod.ruled[0] = pod.book.row_of(a_series())
    seen = pod.score([1e6] * 50)
    assert set(seen.codes) == {Code.WARMING}
    pod.book, pod.ruled[0] = own, own.row_of(a_series())
    scores = pod.score([1.0, 1.1, 1.0, 1.2, 1.0, 50.0])
    assert list(scores.codes) == [Code.WARMING] * 5 + [Code.OUTLIER]
