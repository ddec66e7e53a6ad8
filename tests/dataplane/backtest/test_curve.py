"""Curves of few points."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.backtest.curve import thinned

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400)


@given(values, st.integers(1, 50))
def test_a_curve_keeps_extremes_order_and_bound(values: list[float], buckets: int) -> None:
    """Nothing that a person would look for is thinned out."""
    times = [float(i) for i in range(len(values))]
    points = thinned(times, values, buckets)
    assert len(points) <= 2 * buckets
    assert [time for time, _ in points] == sorted({time for time, _ in points})
    assert max(value for _, value in points) == max(values)
    assert min(value for _, value in points) == min(values)
    assert all(values[int(time)] == value for time, value in points)
