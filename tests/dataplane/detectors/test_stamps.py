"""Times in 32 bits: found again exactly, however far apart the samples of a series are."""

from __future__ import annotations

import math
from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.contract.config import Detection, Ingest
from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors import stamps
from anomaly_dataplane.detectors.kernel import score_group
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from anomaly_dataplane.sample import Code
from anomaly_dataplane.state.layout import COUNT, FINE_BIT, HORIZON, LATEST, MARKS, NEWEST, REACH
from blocks import blank_blocks

ZSCORE = METHODS[Name.ZSCORE]
RULES = replace(Rules.of(Detection(method=Name.ZSCORE), Ingest()), lateness_ms=LATEST)
START_MS = 1_700_000_000_123.0
DAY = 86_400_000.0
WINDOW = 12
LAYOUT = ZSCORE.layout(WINDOW)


class OneSeries:
    """A series through the kernel, and next to it what its ring and guards are by definition."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.block = blank_blocks(LAYOUT)
        self.rules = rules
        self.taken: list[float] = []
        self.horizon = -math.inf

    def send(self, time: float, rules: Rules | None = None) -> int:
        scores = score_group(
            self.block,
            LAYOUT,
            ZSCORE,
            array("i", [0]),
            array("d", [time]),
            array("d", [1.0]),
            Rulebook((rules or self.rules,)),
        )
        return scores.codes[0]

    def expected(self, time: float) -> int:
        """What the whole times of the ring say, and the new state if the sample is accepted."""
        newest = max(self.taken, default=-math.inf)
        if time <= newest:
            if time in self.taken[-WINDOW:]:
                return Code.DUPLICATE
            if time <= self.horizon or time < newest - LATEST:
                return Code.LATE
        elif self.taken and time - newest > REACH:
            self.horizon = max(self.horizon, math.floor(time) - REACH)
        if len(self.taken) >= WINDOW:
            self.horizon = max(self.horizon, self.taken[-WINDOW])
        self.taken.append(time)
        return Code.WARMING

    def times(self) -> list[float]:
        """The times of the ring, in order of acceptance."""
        found = stamps.unfold(self.block, LAYOUT).tolist()
        count = int(self.block[COUNT])
        first = count % WINDOW if count > WINDOW else 0
        return found[first:] + found[:first]


steps = st.one_of(
    st.integers(-2000, 2000).map(float),  # milliseconds
    st.integers(-5, 5).map(lambda micros: micros / 1000.0),
    st.integers(-30, 23 * 24).map(lambda hours: 3_600_000.0 * hours),
    st.sampled_from([0.0, 1000.0, -LATEST, REACH]),
)


@given(st.lists(steps, min_size=1, max_size=60))
def test_what_32_bits_say_is_what_whole_times_say(walk: list[float]) -> None:
    """Accepted, duplicate or late, horizon and all times: exact while no gap is beyond REACH."""
    series, time = OneSeries(replace(RULES, min_samples=10_000)), START_MS
    for step in walk:
        time = math.floor((max(series.taken, default=time) + step) * 1000 + 0.5) / 1000
        assert series.send(time) == series.expected(time)

        assert series.times() == series.taken[-WINDOW:]
        assert series.block[NEWEST] == max(series.taken)
        if math.isfinite(series.horizon):
            assert series.block[HORIZON] == series.horizon


@pytest.mark.parametrize("step", [1000.0, DAY, 7 * DAY, 23 * DAY])
def test_a_ring_of_any_length_knows_its_times_and_its_horizon(step: float) -> None:
    """Of one sample a day, a week or three weeks it spans many turns of the 32 bits."""
    series = OneSeries()
    times = [START_MS + step * i for i in range(40)]
    for time in times:
        series.send(time)

    assert series.times() == times[-WINDOW:]
    assert series.block[HORIZON] == times[-WINDOW - 1]
    assert [series.send(time) for time in times[-WINDOW:]] == [Code.DUPLICATE] * WINDOW
    late = min(step / 2, LATEST)
    assert series.send(times[-1] - late) not in (Code.DUPLICATE, Code.LATE)


def test_of_one_sample_a_month_no_good_sample_is_lost_and_none_counted_twice() -> None:
    """Times before a gap beyond REACH may become the horizon: nobody can send them again."""
    series = OneSeries()
    times = [START_MS + 30 * DAY * i for i in range(40)]
    for time in times:
        assert series.send(time) not in (Code.DUPLICATE, Code.LATE)
        assert series.send(time) == Code.DUPLICATE
        late = time - LATEST / 2
        assert series.send(late) not in (Code.DUPLICATE, Code.LATE)
        assert series.send(late) == Code.DUPLICATE

    assert series.block[COUNT] == 80
    assert series.block[HORIZON] <= times[-1] - REACH
    assert all(series.send(time) in (Code.DUPLICATE, Code.LATE) for time in times)
    assert series.times()[-2:] == [times[-1], times[-1] - LATEST / 2]


def test_a_burst_after_a_long_gap_is_not_counted_again_when_it_is_repeated() -> None:
    """The horizon follows what leaves the ring, whatever was in it before the gap."""
    series = OneSeries()
    for i in range(2 * WINDOW):
        series.send(START_MS + 10 * DAY * i)
    later = START_MS + 1000 * DAY
    burst = [later + i for i in range(3 * WINDOW)]
    for time in burst:
        series.send(time)

    assert series.block[COUNT] == 5 * WINDOW
    assert all(series.send(time) in (Code.DUPLICATE, Code.LATE) for time in burst)


def test_a_series_that_is_not_learnt_for_months_keeps_its_guards() -> None:
    """Its horizon rises away from what its ring holds."""
    series, paused = OneSeries(), replace(RULES, learns=False)
    for i in range(WINDOW):
        series.send(START_MS + DAY * i)
    now = START_MS + DAY * WINDOW
    for i in range(100):
        series.send(now + DAY * i, paused)
    now += 100 * DAY
    burst = [now + i for i in range(3 * WINDOW)]
    for time in burst:
        series.send(time)

    assert series.block[COUNT] == 4 * WINDOW
    assert series.times() == burst[-WINDOW:]
    assert series.block[HORIZON] == burst[-WINDOW - 1]
    assert all(series.send(time) in (Code.DUPLICATE, Code.LATE) for time in burst)


@given(
    st.lists(steps, min_size=1, max_size=WINDOW),
    st.integers(0, 60),
    st.lists(st.integers(1, 40), max_size=20),
)
def test_times_of_an_older_layout_are_understood_however_far_its_horizon_is(
    walk: list[float], ahead: int, pauses: list[int]
) -> None:
    """Of a series that was not learnt for weeks before it was migrated, nor is afterwards."""
    taken = [START_MS]
    for step in walk[1:]:
        taken.append(math.floor((max(taken) + step) * 1000 + 0.5) / 1000)
    series = OneSeries(replace(RULES, learns=False))
    series.block[NEWEST] = max(taken) + DAY * ahead
    series.block[COUNT] = len(taken)
    known = series.block[NEWEST] if ahead else START_MS - DAY
    stamps.refill(series.block, LAYOUT, array("d", taken), known)

    for days in [0, *pauses]:
        if days:
            series.send(series.block[NEWEST] + DAY * days)
        horizon = series.block[HORIZON]
        assert horizon >= known
        for found, time in zip(series.times(), taken, strict=True):
            assert found == time or time < found <= horizon


def test_samples_of_one_millisecond_are_told_apart() -> None:
    """Out of order, too: a time has the microseconds that its sender gave it."""
    series = OneSeries()
    assert series.send(START_MS) != Code.DUPLICATE
    assert int(series.block[MARKS]) & FINE_BIT == 0
    for micros in (5, 2, 9, 7):
        time = (START_MS * 1000 + micros) / 1000
        assert series.send(time) not in (Code.DUPLICATE, Code.LATE)
        assert series.send(time) == Code.DUPLICATE

    assert int(series.block[MARKS]) & FINE_BIT
    assert [round((time - START_MS) * 1000) for time in series.times()] == [0, 5, 2, 9, 7]
