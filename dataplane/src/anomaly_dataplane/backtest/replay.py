"""Samples through the workers of a pod on the store in memory: what becomes of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from anomaly_dataplane.backtest.table import Samples
from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.sample import Anomaly, Batch, Code
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.workers import Workers

DAY_MS = 86_400_000.0
_BATCH = 512


@dataclass(slots=True)
class Outcome:
    """What a pipeline made of a file.

    Attributes:
        name: of the pipeline.
        config: it ran with.
        codes: how many samples got each `Code`.
        outliers: positions within the samples.
        anomalies: (position, event), in the order of time.
        series: how many there are.
        days: between the first sample and the last.
    """

    name: str
    config: PipelineConfig
    codes: Counter[int] = field(default_factory=Counter)
    outliers: list[int] = field(default_factory=list)
    anomalies: list[tuple[int, Anomaly]] = field(default_factory=list)
    series: int = 0
    days: float = 0.0

    @property
    def anomalies_a_series_and_day(self) -> float:
        """How often a person would hear of one series; 0 for a file without duration."""
        spans = self.series * self.days
        return len(self.anomalies) / spans if spans else 0.0


async def replay(name: str, config: PipelineConfig, samples: Samples) -> Outcome:
    """Run samples, in order, through a pipeline that has seen nothing yet."""
    outcome = Outcome(name, config, series=len(set(samples.series)))
    if samples.times:
        outcome.days = (samples.times[-1] - samples.times[0]) / DAY_MS
    workers = Workers(config, MemoryStore(), Unobserved())
    await workers.start()
    try:
        for start in range(0, len(samples), _BATCH):
            part = slice(start, start + _BATCH)
            batch = Batch(samples.series[part], samples.times[part], samples.values[part])
            verdicts = await workers.offer(batch)
            outcome.codes.update(verdicts.codes)
            outcome.outliers += [
                start + i for i, code in enumerate(verdicts.codes) if code == Code.OUTLIER
            ]
            outcome.anomalies += [
                (start + i, event) for i, event in sorted(verdicts.anomalies.items())
            ]
    finally:
        await workers.drain()
        for series in set(samples.series):
            series.slot = -1  # the next replay has a cache of its own
    return outcome
