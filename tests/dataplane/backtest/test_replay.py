"""A file through the code that pods run."""

from __future__ import annotations

import math
import random

from anomaly_dataplane.backtest.difference import compare
from anomaly_dataplane.backtest.replay import replay
from anomaly_dataplane.backtest.table import Samples
from anomaly_dataplane.contract.config import PipelineConfig, parse
from anomaly_dataplane.sample import Code
from anomaly_dataplane.series import SeriesTable

MINUTE_MS = 60_000.0
START_MS = 1_767_225_600_000.0
SPIKE = 700


def config(method: str, threshold: str = "6") -> PipelineConfig:
    """A pipeline of this method."""
    return parse({"version": 1, "detection": {"method": method, "threshold": threshold}})


def two_series_one_with_a_spike(length: int = 1000) -> Samples:
    """A quiet series, and one with a spike at SPIKE."""
    noise = random.Random(7)
    table = SeriesTable(4)
    samples = Samples()
    for i in range(length):
        for name in ("quiet", "spiky"):
            spike = 40.0 if name == "spiky" and i == SPIKE else 0.0
            samples.series.append(table.get(name, {}))
            samples.times.append(START_MS + i * MINUTE_MS)
            samples.values.append(20.0 + math.sin(i / 9) + noise.gauss(0, 0.3) + spike)
    return samples


async def test_a_spike_is_found_where_it_is() -> None:
    """By the default method as by the plain rule; the quiet series stays quiet."""
    samples = two_series_one_with_a_spike()
    for method in ("Fused", "ZScore"):
        outcome = await replay(method, config(method), samples)
        assert [position for position, _ in outcome.anomalies] == [2 * SPIKE + 1]
        assert outcome.series == 2
        assert sum(outcome.codes.values()) == len(samples)
        assert outcome.codes[Code.OUTLIER] == len(outcome.outliers)


async def test_a_replay_leaves_nothing_to_the_next() -> None:
    """Two configs are compared on equal terms, so the same one twice gives the same twice."""
    samples = two_series_one_with_a_spike()
    first = await replay("a", config("ZScore", "2"), samples)
    second = await replay("b", config("ZScore", "2"), samples)
    assert first.anomalies == second.anomalies
    assert first.codes == second.codes
    assert first.codes[Code.DUPLICATE] == 0


async def test_the_rate_is_of_a_series_and_a_day() -> None:
    """Two series over about 0.7 days, one anomaly."""
    outcome = await replay("x", config("ZScore"), two_series_one_with_a_spike())
    assert outcome.anomalies_a_series_and_day == 1 / (2 * 999 / 1440)


async def test_alarms_close_together_are_of_one_event() -> None:
    """Methods see an event some samples apart; further apart they are two."""
    samples = two_series_one_with_a_spike()
    found = await replay("x", config("ZScore"), samples)
    ((position, event),) = found.anomalies
    for shift, same in ((0, True), (10, True), (11, False), (-11, False)):
        difference = compare(samples, found.anomalies, [(position + 2 * shift, event)])
        assert bool(difference.both) is same
        assert bool(difference.only_first) is not same
        assert bool(difference.only_second) is not same


async def test_alarms_of_different_series_never_match() -> None:
    """However close in time."""
    samples = two_series_one_with_a_spike()
    found = await replay("x", config("ZScore"), samples)
    ((position, event),) = found.anomalies
    assert not compare(samples, found.anomalies, [(position - 1, event)]).both
