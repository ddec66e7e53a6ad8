"""A second way of detection on the same samples: seen in metrics, and nowhere else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from anomaly_dataplane.contract.config import Method, PipelineConfig, parse, shadowed
from anomaly_dataplane.contract.fields import InvalidConfig
from anomaly_dataplane.shadow import UID_SUFFIX, shadow_config
from anomaly_dataplane.store.memory_store import MemoryStore
from faulty_store import Fault, FaultyStore
from polling import PATIENCE
from running_pod import RunningPod, running_pod
from samples import ZSCORE

DEAF = {**ZSCORE, "threshold": "1000"}


def config(**shadow: object) -> PipelineConfig:
    """A pipeline that hears nothing, and what is tried out beside it."""
    return parse({"detection": {**DEAF, "shadow": shadow}})


@pytest.fixture
async def pod() -> AsyncIterator[RunningPod]:
    async with running_pod(config(threshold="3")) as running:
        yield running


async def settled(pod: RunningPod, name: str, wanted: float) -> None:
    """Wait for the shadow, which nobody else waits for."""
    async with asyncio.timeout(PATIENCE):
        while await pod.counted(name) != wanted:  # noqa: ASYNC110  # metrics tell no one
            await asyncio.sleep(0.02)


def samples(values: list[float]) -> list[dict[str, object]]:
    """One a second."""
    start = time.time() - 1000
    return [
        {"metric": "temperature", "timestamp": start + i, "value": value}
        for i, value in enumerate(values)
    ]


STEADY = [20.0 + i % 3 for i in range(60)]


async def test_it_tells_what_it_would_have_raised_and_nobody_else_hears(pod: RunningPod) -> None:
    """Same samples, same order; the pipeline's answers, totals and anomalies are its own."""
    body = samples([*STEADY, 90.0])
    answer = await pod.ingest(body, "?verdicts=true")
    assert answer.json["verdicts"][-1]["status"] == "ok"  # type: ignore[index]

    await settled(pod, "shadow_samples_total", len(body))
    assert await pod.counted("shadow_outliers_total") == 1
    assert await pod.counted("shadow_anomalies_total") == 1
    assert await pod.counted("anomalies_total") == 0
    assert await pod.counted("samples_accepted_total") == len(body)
    assert (await pod.ask("/api/v1/anomalies?since=0")).json["anomalies"] == []


async def test_repeats_are_repeats_to_it_too(pod: RunningPod) -> None:
    """Else a retry would count twice in what one compares."""
    body = samples(STEADY)
    await pod.ingest(body)
    await settled(pod, "shadow_samples_total", len(body))
    await pod.ingest([*body, *samples([1.0])])
    await settled(pod, "shadow_samples_total", len(body) + 1)


async def test_a_shadow_that_cannot_follow_never_harms_the_pipeline() -> None:
    """Its Redis failing, samples are answered as ever, and what it did not see is counted."""
    store = FaultyStore(MemoryStore(), [Fault.BEFORE] * 100)
    async with running_pod(config(threshold="3"), shadow_store=store) as pod:
        body = samples(STEADY)
        answer = await pod.ingest(body)
        assert answer.status == 200
        assert answer.json["accepted"] == len(body)
        await settled(pod, "shadow_missed_samples_total", len(body))


def test_nothing_said_is_no_shadow() -> None:
    """The default costs nothing."""
    assert shadow_config(PipelineConfig()) is None
    assert shadow_config(config()) is None


def test_what_is_not_said_is_inherited() -> None:
    """So that a shadow says just what is different, and has state of its own."""
    tried = shadow_config(config(method="Fused", window=60))
    assert tried is not None
    assert (tried.detection.method, tried.detection.window) == (Method.FUSED, 60)
    assert tried.detection.threshold == 1000
    assert shadowed(tried.detection) is None
    assert tried.pipeline.uid == PipelineConfig().pipeline.uid + UID_SUFFIX


@pytest.mark.parametrize(
    ("shadow", "path"),
    [
        ({"window": 20}, "detection.shadow.minSamples"),
        ({"method": "Guess"}, "detection.shadow.method"),
        ({"windows": 20}, "detection.shadow.windows"),
        ({"validRange": {"min": "2", "max": "1"}}, "detection.shadow.validRange"),
    ],
)
def test_a_shadow_that_cannot_work_is_named(shadow: dict[str, object], path: str) -> None:
    """Where it is wrong."""
    with pytest.raises(InvalidConfig) as caught:
        config(**shadow)
    assert path in str(caught.value.errors[0])
