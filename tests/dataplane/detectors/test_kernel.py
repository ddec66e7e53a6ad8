"""Scoring a group: repeats, lateness, warm-up, verdicts, alarms."""

from __future__ import annotations

import math
import statistics
from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.contract.config import Detection, Ingest
from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors.kernel import score_group
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from anomaly_dataplane.detectors.scores import CALM, NEW_NORMAL, UNCHANGED, Scores
from anomaly_dataplane.sample import Code
from anomaly_dataplane.state.layout import COUNT, NEWEST
from blocks import blank_blocks

ZSCORE = METHODS[Name.ZSCORE]
RULES = replace(
    Rules.of(Detection(method=Name.ZSCORE), Ingest()), min_samples=5, lateness_ms=60_000.0
)
WINDOW = 20


class Pod:
    """Blocks of a few series, scored as a lane would."""

    def __init__(self, rules: Rules = RULES, window: int = WINDOW, series: int = 1) -> None:
        self.layout = ZSCORE.layout(window)
        self.slab = blank_blocks(self.layout, series)
        self.rules = rules

    def score(self, values: list[float], times: list[float] | None = None, slot: int = 0) -> Scores:
        known = self.slab[slot * self.layout.doubles + COUNT]
        times = times or [1e12 + 1000.0 * (known + i) for i in range(len(values))]
        return self.score_slots([slot] * len(values), values, times)

    def score_slots(self, slots: list[int], values: list[float], times: list[float]) -> Scores:
        return score_group(
            self.slab,
            self.layout,
            ZSCORE,
            array("i", slots),
            array("d", times),
            array("d", values),
            Rulebook((self.rules,)),
        )


STEADY = [10.0, 11.0, 9.0, 10.5, 9.5] * 4


def test_z_is_scored_before_the_sample_enters_its_own_window() -> None:
    """A sample inside its own window could never pass sqrt(n - 1) sigma."""
    pod = Pod()
    pod.score(STEADY)

    scores = pod.score([30.0])

    expected = (30.0 - statistics.fmean(STEADY)) / statistics.pstdev(STEADY)
    assert scores.z[0] == pytest.approx(expected)
    assert scores.mean[0] == pytest.approx(statistics.fmean(STEADY))
    assert scores.std[0] == pytest.approx(statistics.pstdev(STEADY))
    assert scores.n[0] == len(STEADY)
    assert scores.codes[0] == Code.OUTLIER


def test_no_verdict_before_the_window_holds_enough() -> None:
    """The first minSamples samples only warm up, however wild."""
    scores = Pod().score([1.0, 100.0, -100.0, 1e6, 0.0, 1.0])

    assert list(scores.codes) == [Code.WARMING] * 5 + [Code.OK]
    assert list(scores.raised) == []


def test_a_repeated_sample_changes_nothing() -> None:
    """(series, timestamp) counts once, whatever value comes with it."""
    pod = Pod()
    pod.score([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    before = bytes(pod.slab)

    scores = pod.score([1.0, 99.0, 3.0], [1.0, 2.0, 3.0])

    assert list(scores.codes) == [Code.DUPLICATE] * 3
    assert not scores.changes.slots
    assert list(scores.rows) == [UNCHANGED] * 3
    assert bytes(pod.slab) == before


def test_a_repeat_inside_one_group_counts_once() -> None:
    """A request may hold the same sample twice."""
    scores = Pod().score([1.0, 1.0], [5.0, 5.0])

    assert list(scores.codes) == [Code.WARMING, Code.DUPLICATE]


def test_a_retried_burst_longer_than_the_window_is_not_counted_again() -> None:
    """What has left the ring is behind the horizon: late, not new."""
    pod = Pod(window=10)
    times = [1e12 + 1000.0 * i for i in range(30)]
    pod.score([1.0] * 30, times)
    before = bytes(pod.slab)

    scores = pod.score([1.0] * 30, times)

    assert list(scores.codes) == [Code.LATE] * 20 + [Code.DUPLICATE] * 10
    assert bytes(pod.slab) == before


def test_a_sample_within_the_allowed_lateness_is_accepted() -> None:
    """Order of arrival is not always order of time."""
    scores = Pod().score([1.0, 2.0, 3.0], [100_000.0, 170_000.0, 120_000.0])

    assert list(scores.codes) == [Code.WARMING] * 3


def test_a_sample_beyond_the_allowed_lateness_is_refused() -> None:
    """The newest sample of the series is the measure, not the clock."""
    scores = Pod().score([1.0, 2.0, 3.0], [100_000.0, 170_000.0, 100_001.0])

    assert scores.codes[2] == Code.LATE


@pytest.mark.parametrize(
    ("change", "value", "code"),
    [
        ({}, 30.0, Code.OUTLIER),
        ({}, -10.0, Code.OUTLIER),
        ({}, 10.2, Code.OK),
        ({"below": False}, -10.0, Code.OK),
        ({"below": False}, 30.0, Code.OUTLIER),
        ({"above": False}, 30.0, Code.OK),
        ({"min_abs_deviation": 25.0}, 30.0, Code.OK),
        ({"min_abs_deviation": 19.0}, 30.0, Code.OUTLIER),
        ({"min_rel_deviation": 2.5}, 30.0, Code.OK),
        ({"min_rel_deviation": 1.5}, 30.0, Code.OUTLIER),
        ({"threshold": 100.0}, 30.0, Code.OK),
    ],
)
def test_threshold_direction_and_minimum_deviations_decide(
    change: dict[str, bool | float], value: float, code: Code
) -> None:
    """Each rule has an effect of its own."""
    pod = Pod(replace(RULES, **change))  # type: ignore[arg-type]
    pod.score(STEADY)

    assert pod.score([value]).codes[0] == code


def test_exactly_the_threshold_is_no_outlier() -> None:
    """An outlier lies beyond the threshold."""
    pod = Pod()
    pod.score([9.0, 11.0] * 10)

    assert pod.score([12.0]).codes[0] == Code.OK


def test_an_episode_raises_one_anomaly() -> None:
    """A level that stays high does not alarm with every sample."""
    pod = Pod()
    pod.score(STEADY)

    scores = pod.score([30.0, 31.0, 30.0, 32.0, 31.0])

    assert list(scores.raised) == [0]


def test_a_new_episode_is_raised_after_the_hold_off() -> None:
    """Once the series was calm again and the silence is over, the next excursion counts."""
    pod = Pod(replace(RULES, hold_off_samples=3))
    pod.score(STEADY)
    assert list(pod.score([30.0]).raised) == [0]

    calm = pod.score([10.0] * 19)
    again = pod.score([60.0])

    assert list(calm.raised) == []
    assert list(again.raised) == [0]


def test_an_excursion_during_the_hold_off_stays_silent() -> None:
    """Two spikes close together are one event."""
    pod = Pod(replace(RULES, hold_off_samples=15))
    pod.score(STEADY)

    assert list(pod.score([30.0, 10.0, 10.0, 60.0]).raised) == [0]


def test_an_episode_that_goes_on_is_repeated_after_a_while() -> None:
    """An excursion that never calms down is raised again after repeatAfterSamples."""
    pod = Pod(replace(RULES, hold_off_samples=2, repeat_after_samples=6))
    pod.score(STEADY)
    growing = [30.0 * 4.0**i for i in range(14)]

    assert list(pod.score(growing).raised) == [0, 7]


def test_the_plain_rule_raises_every_outlier() -> None:
    """No hold-off and no wait for a repeat: a sample beyond 2 sigma is an anomaly."""
    pod = Pod(replace(RULES, hold_off_samples=0, repeat_after_samples=0))
    pod.score(STEADY)

    scores = pod.score([30.0, 60.0, 120.0, 10.0, 240.0])

    outliers = [i for i, code in enumerate(scores.codes) if code == Code.OUTLIER]
    assert list(scores.raised) == outliers == [0, 1, 2, 4]


@pytest.mark.parametrize(
    ("slots", "times", "values", "error", "message"),
    [
        (array("i", [2]), array("d", [1.0]), array("d", [1.0]), ValueError, "slot 2 of sample 0"),
        (array("i", [-1]), array("d", [1.0]), array("d", [1.0]), ValueError, "slot -1 of sample 0"),
        (array("i", [0]), array("d"), array("d", [1.0]), ValueError, "1 slots, 0 times and 1 val"),
        (array("q", [0]), array("d", [1.0]), array("d", [1.0]), TypeError, "typecode 'i', got 'q'"),
        (array("i", [0]), array("f", [1.0]), array("d", [1.0]), TypeError, "typecode 'd', got 'f'"),
    ],
)
def test_columns_that_do_not_fit_are_refused_before_anything_changes(
    slots: array[int],
    times: array[float],
    values: array[float],
    error: type[Exception],
    message: str,
) -> None:
    """A compiled kernel reads bare memory: nothing may lead it beyond its columns and blocks."""
    pod = Pod(series=2)
    before = bytes(pod.slab)

    with pytest.raises(error, match=message):
        score_group(pod.slab, pod.layout, ZSCORE, slots, times, values, Rulebook((RULES,)))

    assert bytes(pod.slab) == before


@pytest.mark.parametrize("slab", [memoryview(bytes(480)).cast("d"), memoryview(bytearray(480))])
def test_a_slab_that_is_no_writable_float64_is_refused(slab: memoryview[float]) -> None:
    """The same for the blocks."""
    pod = Pod()
    pod.slab = slab

    with pytest.raises(TypeError, match="a slab is writable float64"):
        pod.score([1.0], [1.0])


@pytest.mark.parametrize("count", [math.nan, -1.0, math.inf])
def test_what_is_no_block_is_refused(count: float) -> None:
    """COUNT leads into the ring."""
    pod = Pod()
    pod.slab[COUNT] = count

    with pytest.raises(
        ValueError, match=f"slot 0 of sample 0 holds no block: its COUNT is {count}"
    ):
        pod.score([1.0], [1.0])


@given(st.data())
def test_series_of_a_group_do_not_touch_each_other(data: st.DataObject) -> None:
    """Interleaved samples of several series give the blocks that each alone would give."""
    order = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=60))
    values = [float(i % 7) for i in range(len(order))]
    times = [1e12 + 1000.0 * i for i in range(len(order))]
    together = Pod(series=3)
    together.score_slots(order, values, times)

    alone = Pod(series=3)
    for slot in range(3):
        mine = [i for i, owner in enumerate(order) if owner == slot]
        if mine:
            alone.score([values[i] for i in mine], [times[i] for i in mine], slot)

    assert bytes(together.slab) == bytes(alone.slab)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.integers(1, 59))
def test_where_a_group_is_cut_makes_no_difference(samples: list[float], cut: int) -> None:
    """Two groups give the state and the verdicts that one gives."""
    times = [1e12 + 1000.0 * i for i in range(len(samples))]
    whole, parts = Pod(), Pod()
    one = whole.score(samples, times)
    first = parts.score(samples[:cut], times[:cut]) if samples[:cut] else None
    second = parts.score(samples[cut:], times[cut:]) if samples[cut:] else None

    codes = b"".join(bytes(part.codes) for part in (first, second) if part)
    assert codes == bytes(one.codes)
    assert bytes(whole.slab) == bytes(parts.slab)


def test_the_count_is_of_accepted_samples_only() -> None:
    """Repeats and late samples are not the series' samples."""
    pod = Pod()
    pod.score([1.0, 2.0, 2.0], [1e12, 2e12, 2e12])
    pod.score([3.0], [1.0])

    assert pod.slab[COUNT] == 2.0


def test_changes_have_a_row_a_changed_series_in_order_of_first_change() -> None:
    """What the store must be told: which block, from where on, and how many outliers."""
    pod = Pod(series=3)
    for slot in (0, 2):
        pod.score(STEADY, slot=slot)
    pod.score([1.0], slot=1)
    now = pod.slab[NEWEST]

    scores = pod.score_slots(
        [0, 2, 0, 2, 1, 0], [1.0, 10.0, 40.0, 80.0, 1.0, 50.0], [now + i for i in range(6)]
    )

    assert list(scores.rows) == [UNCHANGED, 0, 1, 0, 2, 1]
    assert list(scores.changes.slots) == [2, 0, 1]
    assert list(scores.changes.count_before) == [20, 20, 1]
    assert list(scores.changes.outliers) == [1, 2, 0]
    assert list(scores.changes.last_piece) == [UNCHANGED] * 3


def test_the_end_of_an_episode_is_told_once() -> None:
    """Who was told of the beginning wants to know when it is over."""
    pod = Pod(replace(RULES, hold_off_samples=0))
    pod.score(STEADY)
    begun = pod.score([30.0, 31.0], [2e12, 2e12 + 1.0])

    over = pod.score([10.0, 10.1, 10.0], [3e12, 3e12 + 1.0, 3e12 + 2.0])

    assert (begun.raised[0].episode, begun.raised[0].above, begun.ended) == (2e12, True, [])
    (ended,) = over.ended
    assert (ended.position, ended.how, ended.above, ended.episode) == (0, CALM, True, 2e12)


def test_calm_without_an_episode_tells_nothing() -> None:
    """A series that was never alarming does not recover."""
    pod = Pod()

    assert pod.score(STEADY * 3).ended == []


def test_an_episode_that_is_repeated_stays_one_episode() -> None:
    """Both events name the first, and there is one end."""
    pod = Pod(replace(RULES, hold_off_samples=2, repeat_after_samples=6))
    pod.score(STEADY)

    raised = pod.score([30.0 * 4.0**i for i in range(14)], [2e12 + i for i in range(14)]).raised
    over = pod.score([-1e9] + [1.0] * 40, [3e12 + i for i in range(41)]).ended

    assert {found.episode for found in raised.values()} == {2e12}
    assert len(raised) == 2
    assert [ended.episode for ended in over] == [2e12]


def test_so_many_of_the_last_samples_must_agree() -> None:
    """Persistence: one wild sample is noise, three of five are an anomaly."""
    pod = Pod(replace(RULES, consecutive=3, out_of=5))
    pod.score([9.0, 11.0] * 10)

    scores = pod.score([90.0, 10.0, -90.0, 10.0, 10.0, 10.0, 200.0, -200.0, 10.0, 300.0])

    assert list(scores.raised) == [9]


def test_an_episode_that_does_not_end_becomes_the_new_normal() -> None:
    """One event when it begins, one when it is accepted, and no further one while it lasts."""
    pod = Pod(replace(RULES, accept_after_samples=5, repeat_after_samples=3, hold_off_samples=3))
    pod.score(STEADY)

    scores = pod.score([30.0 * 4.0**i for i in range(40)])

    assert list(scores.raised) == [0, 4]
    assert [(ended.position, ended.how) for ended in scores.ended] == [(5, NEW_NORMAL)]
    assert list(pod.score([0.0] * 40 + [1e30]).raised) == [40]
