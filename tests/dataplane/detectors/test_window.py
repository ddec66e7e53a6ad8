"""The sliding window against its definition: mean and population deviation of the last samples."""

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
from anomaly_dataplane.detectors.kernel import measure, score_group
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from anomaly_dataplane.detectors.window import z_score
from anomaly_dataplane.state.layout import COUNT, HORIZON, M2, MEAN
from blocks import blank_blocks

ZSCORE = METHODS[Name.ZSCORE]
RULES = replace(Rules.of(Detection(method=Name.ZSCORE), Ingest()), lateness_ms=math.inf)
Z_LIMIT = 1e6

values = st.floats(-1e9, 1e9, allow_nan=False).map(lambda v: round(v, 6))


def filled(window: int, samples: list[float]) -> memoryview[float]:
    return inserted(window, samples, [float(i) for i in range(len(samples))])


def inserted(window: int, samples: list[float], times: list[float]) -> memoryview[float]:
    layout = ZSCORE.layout(window)
    block = blank_blocks(layout)
    score_group(
        block,
        layout,
        ZSCORE,
        array("i", [0]) * len(samples),
        array("d", times),
        array("d", samples),
        Rulebook((RULES,)),
    )
    return block


@given(st.integers(10, 40), st.lists(values, min_size=1, max_size=150))
def test_mean_and_deviation_are_those_of_the_last_samples(
    window: int, samples: list[float]
) -> None:
    """Whatever slid through, the moments equal a two-pass computation over the window."""
    block = filled(window, samples)
    last = samples[-window:]
    size = max(abs(value) for value in samples)

    assert block[MEAN] == pytest.approx(statistics.fmean(last), rel=1e-9, abs=1e-9 * size + 1e-12)
    std = math.sqrt(block[M2] / len(last))
    assert std == pytest.approx(statistics.pstdev(last), rel=1e-5, abs=1e-6 * size + 1e-9)


@given(st.integers(10, 30), values, st.lists(values, max_size=60))
def test_a_window_that_has_become_constant_is_exactly_flat(
    window: int, constant: float, before: list[float]
) -> None:
    """No rounding noise of an excursion remains to be divided by."""
    block = filled(window, before + [constant] * (3 * window))

    assert block[MEAN] == constant
    assert block[M2] == 0.0


@given(st.integers(10, 30), st.lists(values, min_size=1, max_size=100))
def test_recomputing_keeps_what_sliding_found(window: int, samples: list[float]) -> None:
    """The exact recomputation and the sliding update mean the same thing."""
    block = filled(window, samples)
    mean, squares = block[MEAN], block[M2]
    size = max(abs(value) for value in samples)

    measure(block, ZSCORE.layout(window))

    assert block[MEAN] == pytest.approx(mean, rel=1e-9, abs=1e-9 * size + 1e-12)
    assert block[M2] == pytest.approx(squares, rel=1e-4, abs=window * (1e-6 * size + 1e-9) ** 2)


def test_the_horizon_is_the_newest_time_that_left() -> None:
    """It never falls, even when late samples leave after newer ones."""
    block = inserted(10, [1.0] * 14, [5.0, 3.0, *map(float, range(6, 18))])

    assert block[COUNT] == 14
    assert block[HORIZON] == 7.0


@pytest.mark.parametrize(
    ("value", "mean", "std", "expected"),
    [
        (12.0, 10.0, 1.0, 2.0),
        (9.0, 10.0, 0.5, -2.0),
        (10.0, 10.0, 0.0, 0.0),
        (5.0001, 5.0, 0.0, 0.02),
        (6.0, 5.0, 0.0, 200.0),
        (0.001, 0.0, 0.0, Z_LIMIT),
        (-0.001, 0.0, 0.0, -Z_LIMIT),
        (1e300, 1.0, 1e-300, Z_LIMIT),
    ],
)
def test_z_is_defined_for_every_window(
    value: float, mean: float, std: float, expected: float
) -> None:
    """A flat window measures against a thousandth of its mean; nothing divides by zero."""
    assert z_score(value, mean, std) == pytest.approx(expected)


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1e300, 1e300),
    st.floats(0, 1e300),
)
def test_z_is_finite_for_any_finite_input(value: float, mean: float, std: float) -> None:
    """What goes into JSON and into the state is always a number."""
    assert abs(z_score(value, mean, std)) <= Z_LIMIT
