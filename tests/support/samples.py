"""Builders of samples, series and configs for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anomaly_dataplane.contract.config import PipelineConfig, parse
from anomaly_dataplane.sample import Batch
from anomaly_dataplane.series import Series

ZSCORE = {"method": "ZScore"}
"""For `detection`: the method that raises an anomaly without a long warm-up."""

START_MS = 1_767_225_600_000.0


def a_series(name: str = "temperature", partitions: int = 4, **labels: str) -> Series:
    return Series(name, labels, partitions)


def a_config(**groups: Mapping[str, object]) -> PipelineConfig:
    """A config whose groups differ from the defaults by what is given."""
    return parse(dict(groups))


def a_batch(
    series: Series, values: Sequence[float], start: float = START_MS, step: float = 1000.0
) -> Batch:
    """Samples of one series at regular times."""
    times = [start + i * step for i in range(len(values))]
    return Batch([series] * len(values), times, list(values), 64 * len(values))
