"""A sender that says that a series has ended: through the intake, the workers and the store."""

from __future__ import annotations

import pytest

from anomaly_dataplane.errors import BatchTooLarge
from anomaly_dataplane.ingest.intake import Intake
from anomaly_dataplane.ingest.parsed import Parsed
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.sample import Code
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import CLOSED_BIT, DOUBLE, MARKS
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.telemetry import Telemetry
from anomaly_dataplane.workers import Workers
from samples import START_MS, ZSCORE, a_batch, a_config, a_series

CONFIG = a_config(detection=ZSCORE)


async def is_closed(store: MemoryStore, series: Series) -> bool:
    (block,) = await store.read(series.partition, [series])
    assert block is not None
    marks = memoryview(block[: DOUBLE * (MARKS + 1)]).cast("d")[MARKS]
    return bool(int(marks) & CLOSED_BIT)


async def test_a_series_is_closed_when_its_request_is_answered() -> None:
    """Behind the samples of the same request, whose verdicts stay theirs; open with the next."""
    store, series = MemoryStore(), a_series("up")
    workers = Workers(CONFIG, store, Unobserved())
    await workers.start()
    metrics = Telemetry("test", "python").protocol("remote_write")
    intake = Intake(CONFIG.ingest, workers, metrics)
    both = Parsed(a_batch(series, [1.0, 2.0]), closed=[(series, START_MS + 2000.0)])
    alone = Parsed(a_batch(series, []), closed=[(series, START_MS + 4000.0)])
    more = Parsed(a_batch(series, [3.0], start=START_MS + 3000.0))

    found = []
    for parsed in (both, more, alone):
        _, answer = intake.offer(parsed, START_MS + 10_000.0)
        assert answer is not None
        verdicts = await answer
        found.append((list(verdicts.codes), await is_closed(store, series)))
    await workers.drain()

    assert found == [
        ([Code.WARMING] * 2, True),
        ([Code.WARMING], False),
        ([], True),
    ]


async def test_samples_and_ends_are_taken_together_or_not_at_all() -> None:
    """A request that is refused for its ends has changed nothing."""
    store, series = MemoryStore(), a_series("up")
    config = a_config(detection=ZSCORE, buffer={"maxSamples": 100})
    workers = Workers(config, store, Unobserved())
    await workers.start()
    intake = Intake(config.ingest, workers, Telemetry("test", "python").protocol("remote_write"))
    ends = [(series, START_MS + 2000.0)]
    with pytest.raises(BatchTooLarge):
        intake.offer(Parsed(a_batch(series, [1.0] * 100), closed=ends), START_MS + 1e6)
    await workers.drain()
    assert (await store.totals()).samples == 0
