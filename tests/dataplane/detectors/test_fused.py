"""The Fused method against its reference, and what every method must hold to."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.contract.config import Detection, Ingest, Sensitivity
from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors import flat
from anomaly_dataplane.detectors.kernel import score_group
from anomaly_dataplane.detectors.method import METHODS, Method
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from anomaly_dataplane.detectors.scores import Scores
from anomaly_dataplane.sample import LARGEST_VALUE
from blocks import blank_blocks
from fuse_reference import Fuse

FUSED = METHODS[Name.FUSED]
START = 1_767_225_600.0
WINDOW = 120
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))


def rules_for(method: Method, **change: float) -> Rules:
    (name,) = (name for name, each in METHODS.items() if each is method)
    return replace(Rules.of(Detection(method=name), Ingest()), **change)  # type: ignore[arg-type]


def a_run(
    method: Method, values: list[float], step_seconds: float = 300.0, rules: Rules | None = None
) -> Scores:
    layout = method.layout(WINDOW)
    times = [1000.0 * (START + step_seconds * i) for i in range(len(values))]
    return scored(blank_blocks(layout), method, times, values, rules or rules_for(method))


def scored(
    block: memoryview[float],
    method: Method,
    times: Sequence[float],
    values: Sequence[float],
    rules: Rules,
) -> Scores:
    """Score samples of the one series that `block` belongs to."""
    return score_group(
        block,
        method.layout(WINDOW),
        method,
        array("i", [0]) * len(values),
        array("d", times),
        array("d", values),
        Rulebook((rules,)),
    )


def a_day_and_night(seed: int, samples: int) -> Iterator[float]:
    """A daily season, noise with memory, a trend, and now and then an event."""
    noise = random.Random(seed)
    memory = 0.0
    for i in range(samples):
        memory = 0.7 * memory + noise.gauss(0.0, 1.0)
        season = 10.0 * math.sin(2.0 * math.pi * i * 300.0 / 86400.0)
        value = 50.0 + season + memory + 0.001 * i
        if noise.random() < 0.002:
            value += noise.choice([-40.0, 25.0, 60.0])
        if 1500 < i % 2500 < 1540:
            value += 20.0
        yield value


@pytest.mark.parametrize("seed", range(4))
def test_scores_and_alarms_are_those_of_the_reference(seed: int) -> None:
    """Four weeks of a series with events: equal to rounding, and not one alarm apart."""
    values = list(a_day_and_night(seed, 8000))
    reference = Fuse()
    expected = [reference.update(START + 300.0 * i, value) for i, value in enumerate(values)]
    alarms = [i for i, (_, alarm) in enumerate(expected) if alarm]

    scores = a_run(FUSED, values)
    talkative = rules_for(
        FUSED, alarm_score=0.0, min_samples=1, hold_off_samples=-1, repeat_after_samples=-1
    )
    every = a_run(FUSED, values, rules=talkative)

    assert alarms
    assert list(scores.raised) == alarms
    assert list(every.raised) == list(range(1, len(values)))
    assert [found.score for found in every.raised.values()] == pytest.approx(
        [score for score, _ in expected[1:]], rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize(
    ("event", "family"),
    [
        (lambda i, x: x + 30.0 if i == 2500 else x, "jump"),
        (lambda i, x: x + 6.0 if i >= 2500 else x, "level"),
        (lambda i, x: 50.0 + 4.0 * (x - 50.0) if i >= 2500 else x, None),
        (lambda i, x: 50.0 if i >= 2500 else x, None),
    ],
    ids=["spike", "level shift", "volatility", "flatline"],
)
def test_an_event_in_steady_noise_is_found_soon(event: object, family: str | None) -> None:
    """A spike, a shifted level, a changed variance, a sensor that got stuck."""
    assert callable(event)
    noise = random.Random(1)
    values = [event(i, noise.gauss(50.0, 1.0)) for i in range(2700)]

    raised = a_run(FUSED, values, step_seconds=60.0).raised

    found = [i for i in raised if 2500 <= i < 2560]
    assert found
    if family is not None:
        families = {FUSED.families[raised[i].family] for i in found}
        # The first samples of a shift may be those of a spike, or of a greater variance.
        assert families & {family, "jump", "level", "range", "volatility"}


def stuck(at: float, start: int, length: int, seed: int = 3) -> list[float]:
    """Noise around 50 in steps of a hundredth, then one value."""
    noise = random.Random(seed)
    values = [round(noise.gauss(50.0, 1.0), 2) for _ in range(start + length + 300)]
    values[start : start + length] = [at] * length
    return values


@pytest.mark.parametrize("name", [Name.FUSED, Name.FUSED_LITE])
def test_a_stuck_sensor_is_found_within_a_dozen_samples_and_again_the_next_time(name: Name) -> None:
    """What it sends is an ordinary value; that it sends nothing else is the event."""
    method = METHODS[name]
    values = stuck(50.5, 600, 14) + stuck(49.5, 600, 14, seed=4)
    second = len(stuck(50.5, 600, 14)) + 600

    raised = a_run(method, values, step_seconds=60.0).raised

    flat = [i for i in raised if method.families[raised[i].family] == "flat"]
    assert [i for i in flat if 600 <= i < 614]
    assert [i for i in flat if second <= i < second + 14]


@pytest.mark.parametrize("name", [Name.FUSED, Name.FUSED_LITE])
def test_a_value_that_rests_at_the_edge_of_its_range_is_not_stuck(name: Name) -> None:
    """A counter that counts nothing at night, a share that is 100 %."""
    noise = random.Random(5)
    busy = [float(noise.randrange(0, 6)) for _ in range(900)]

    raised = a_run(METHODS[name], busy + [0.0] * 60, step_seconds=60.0).raised

    assert not [i for i in raised if METHODS[name].families[raised[i].family] == "flat"]


def test_runs_are_forgotten_but_never_become_numbers_too_small_to_be_fast() -> None:
    """Halved every 1400 samples, in a year they would be denormal and cost a hundred times more."""
    noise = random.Random(6)
    layout = FUSED.layout(WINDOW)
    block = blank_blocks(layout)
    values = [noise.gauss(50.0, 1.0) for _ in range(20_000)]
    values[200:206] = [50.0] * 6
    times = [1000.0 * (START + 60.0 * i) for i in range(len(values))]

    scored(block, FUSED, times[:300], values[:300], rules_for(FUSED))
    longest = layout.hot_at + FUSED.hot - flat.SIZE + 1  # the flat line's fields are the last
    before = block[longest]
    scored(block, FUSED, times[300:], values[300:], rules_for(FUSED))

    assert 4.0 < before <= 5.0
    assert 0.49 < block[longest] <= 0.5


@every_method
def test_a_constant_series_is_silent(method: Method) -> None:
    """Nothing happened."""
    assert not a_run(method, [7.5] * 2000).raised


@every_method
@given(st.lists(st.floats(-LARGEST_VALUE, LARGEST_VALUE), min_size=1, max_size=300))
def test_scores_stay_finite_for_any_finite_input(method: Method, values: list[float]) -> None:
    """One absurd value must not poison a series for ever."""
    layout = method.layout(WINDOW)
    slab = blank_blocks(layout)
    times = [1000.0 * (START + 60.0 * i) for i in range(len(values))]

    scores = scored(slab, method, times, values, rules_for(method))

    assert all(math.isfinite(number) for number in slab)
    assert all(math.isfinite(found.score) for found in scores.raised.values())


@every_method
@given(st.integers(0, 1000), st.sampled_from([2.0**-3, 2.0**7, 2.0**20]))
def test_the_unit_of_a_series_makes_no_difference(method: Method, seed: int, unit: float) -> None:
    """Volts or millivolts: the same anomalies."""
    values = list(a_day_and_night(seed, 400))

    plain = a_run(method, values).raised
    scaled = a_run(method, [unit * value for value in values]).raised

    assert list(plain) == list(scaled)


@every_method
@given(st.integers(0, 1000), st.integers(1, 399))
def test_where_a_run_is_cut_makes_no_difference(method: Method, seed: int, cut: int) -> None:
    """State written and read back at any point changes nothing."""
    values = list(a_day_and_night(seed, 400))
    layout, rules = method.layout(WINDOW), rules_for(method)
    times = [1000.0 * (START + 1800.0 * i) for i in range(400)]
    whole, parts = blank_blocks(layout), blank_blocks(layout)

    one = scored(whole, method, times, values, rules)
    first = scored(parts, method, times[:cut], values[:cut], rules)
    again = memoryview(bytearray(parts.cast("B"))).cast("d")
    rest = scored(again, method, times[cut:], values[cut:], rules)

    assert bytes(whole.cast("B")) == bytes(again.cast("B"))
    assert {**first.raised, **{cut + i: found for i, found in rest.raised.items()}} == one.raised


@every_method
def test_nothing_is_raised_before_the_window_is_warm(method: Method) -> None:
    """minSamples holds for anomalies as it does for outliers."""
    values = [*(float(i % 5) for i in range(59)), 1e6]

    assert not a_run(method, values, rules=rules_for(method, min_samples=60)).raised
    assert list(a_run(method, values[:59], rules=rules_for(method)).raised) == []


def test_sensitivity_is_a_preset_and_an_explicit_score_wins() -> None:
    """High, Medium and Low are scores; who knows better writes a number."""
    ingest = Ingest()

    presets = [
        Rules.of(Detection(method=Name.FUSED, sensitivity=each), ingest).alarm_score
        for each in (Sensitivity.HIGH, Sensitivity.MEDIUM, Sensitivity.LOW)
    ]

    assert presets == [4.5, 5.7, 7.2]
    assert Rules.of(Detection(method=Name.FUSED, score=7.25), ingest).alarm_score == 7.25
    assert Rules.of(Detection(method=Name.ZSCORE, score=7.25), ingest).alarm_score > 2.0
