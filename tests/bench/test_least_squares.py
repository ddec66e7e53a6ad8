"""Least squares without negative coefficients."""

from __future__ import annotations

import pytest
from bench.least_squares import non_negative
from hypothesis import given
from hypothesis import strategies as st

ROWS = [
    [1.0, 0.02, 1.0, 1.0],
    [1.0, 1.0, 1.0, 1.0],
    [0.002, 0.002, 1.0, 1.0],
    [0.0, 0.002, 0.02, 1],
]


def _times(rows: list[list[float]], found: list[float]) -> list[float]:
    return [sum(x * c for x, c in zip(row, found, strict=True)) for row in rows]


@given(st.lists(st.floats(0.5, 50), min_size=4, max_size=4))
def test_costs_that_made_the_figures_are_found_again(costs: list[float]) -> None:
    found = non_negative(ROWS, _times(ROWS, costs))

    assert _times(ROWS, found) == pytest.approx(_times(ROWS, costs), rel=1e-3)


def test_a_cost_that_would_be_negative_is_none() -> None:
    # The second figure is less than the first, though it has more of everything.
    found = non_negative([[1.0, 0.0], [1.0, 1.0]], [10.0, 9.0])

    assert found[1] == 0.0
    assert 9.0 < found[0] < 10.0


def test_a_small_figure_counts_as_much_as_a_large_one() -> None:
    found = non_negative([[1.0], [1.0]], [1.0, 100.0])

    # Least (x - 1)^2 + (x/100 - 1)^2.
    assert found[0] == pytest.approx(1.01 / 1.0001)


def test_a_cost_that_nothing_was_measured_of_is_none() -> None:
    assert non_negative([[1.0, 0.0]], [5.0]) == pytest.approx([5.0, 0.0])
