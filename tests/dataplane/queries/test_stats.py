"""`GET /api/v1/stats`, as the operator reads it."""

from __future__ import annotations

import time

from anomaly_dataplane.contract.config import parse
from anomaly_dataplane.ingest.timestamps import milliseconds
from anomaly_dataplane.store.memory_store import MemoryStore
from faulty_store import Fault, FaultyStore
from running_pod import running_pod
from samples import ZSCORE

STATS = "/api/v1/stats"
CONFIG = parse(
    {"pipeline": {"namespace": "team", "name": "boiler", "uid": "u1"}, "detection": ZSCORE}
)


async def test_the_totals_and_the_pod_are_told() -> None:
    """Everything that the CR's status shows is there."""
    start = time.time() - 100
    samples = [
        {"metric": "m", "timestamp": start + i, "value": 10 + (i % 3) * 0.1} for i in range(60)
    ]
    samples.append({"metric": "m", "timestamp": start + 60, "value": 99})
    async with running_pod(CONFIG) as pod:
        before = (await pod.ask(STATS)).json
        await pod.ingest(samples)
        after = (await pod.ask(STATS)).json

    assert before["last_sample_time"] is None
    assert milliseconds(str(after.pop("last_sample_time"))) > start * 1000
    assert after == {
        "pipeline": {"namespace": "team", "name": "boiler", "uid": "u1"},
        "samples": 61,
        "outliers": 1,
        "anomalies": 1,
        "anomalies_last_hour": 1,
        "series": 1,
        "redis": {"up": True, "error": ""},
        "buffer": {"samples": 0, "capacity": 20000},
    }


async def test_a_store_that_is_away_is_told_and_not_an_error() -> None:
    """Who asks why nothing happens gets the answer."""
    store = FaultyStore(MemoryStore(), [Fault.BEFORE] * 1000)
    async with running_pod(CONFIG, store) as pod:
        answer = await pod.ask(STATS)
    assert answer.status == 200
    assert answer.json["redis"] == {"up": False, "error": "refused"}
    assert answer.json["samples"] is None
    assert answer.json["pipeline"] == {"namespace": "team", "name": "boiler", "uid": "u1"}


async def test_a_parameter_is_refused() -> None:
    """There are none."""
    async with running_pod() as pod:
        assert (await pod.ask(STATS + "?x=1")).status == 400
