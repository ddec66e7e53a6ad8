"""Where the demo's samples come from."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from demo.errors import DemoError
from demo.sources import machine, waterflow
from demo.sources.machine import Counters, Machine, rates


def test_lines_become_samples_with_their_own_time() -> None:
    """The zone of the file counts; the values are taken as they stand."""
    lines = ["Time,Water flow [l/s]", "2022-03-20T11:00:00+01:00,100.59"]

    (sample,) = waterflow.parse(lines)

    assert sample.timestamp == datetime(2022, 3, 20, 10, tzinfo=UTC).timestamp()
    assert sample.value == 100.59
    assert sample.as_json()["labels"] == {"device": "waterflow"}


def test_another_file_is_refused() -> None:
    """A changed package is noticed at once, not as a series of nonsense."""
    with pytest.raises(DemoError, match="other columns"):
        list(waterflow.parse(["when,what", "1,2"]))


def test_the_series_of_the_package_is_whole_and_in_order() -> None:
    """1,268 hours, oldest first: a device sends in order, and late samples would be refused."""
    samples = waterflow.read()

    times = [sample.timestamp for sample in samples]
    assert len(samples) == 1268
    assert times == sorted(set(times))


def test_rates_are_over_the_time_that_passed() -> None:
    """Half a second later, twice the difference."""
    assert rates(Counters(10.0, 1000, 50), Counters(10.5, 3000, 60)) == (4000.0, 20.0)


def test_a_counter_that_was_reset_is_no_negative_rate() -> None:
    """A network interface that went away takes its bytes with it."""
    assert rates(Counters(10.0, 1000, 50), Counters(11.0, 0, 60)) == (0.0, 10.0)


def test_the_machine_gives_one_sample_a_metric_of_one_moment() -> None:
    """All finite and of now, so that the pipeline takes them."""
    before = time.time()
    samples = Machine("vm").read()

    assert tuple(sample.metric for sample in samples) == machine.METRICS
    assert len({sample.timestamp for sample in samples}) == 1
    assert before - 0.01 <= samples[0].timestamp <= time.time() + 0.01
    assert all(sample.value >= 0 for sample in samples)
