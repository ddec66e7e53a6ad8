"""The bound on the number of series, with real Redis behind two pods."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Sequence

import pytest

from anomaly_dataplane.buffer import Room
from anomaly_dataplane.contract.config import Buffer, PipelineConfig, parse
from anomaly_dataplane.errors import BufferFull, StoreUnavailable
from anomaly_dataplane.ingest.series_limit import (
    INTERVAL_SECONDS,
    NEAR_SECONDS,
    OVER_LIMIT,
    LimitedBuffer,
    SeriesLimit,
)
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.series import Series
from anomaly_dataplane.store import Totals
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.workers import Workers
from faulty_store import Fault, FaultyStore
from redis_server import RedisServer
from redis_stores import a_store
from running_pod import RunningPod, running_pod
from samples import ZSCORE, a_batch, a_config, a_series
from speakers import SPEAKERS, JsonSpeaker, Speaker, Told

pytestmark = pytest.mark.redis

LIMIT = 3


@pytest.fixture
def config(standalone: RedisServer) -> PipelineConfig:
    return parse(
        {
            "pipeline": {"uid": uuid.uuid4().hex},
            "ingest": {"maxSeries": LIMIT},
            "redis": {"urls": [standalone.url]},
            "detection": ZSCORE,
        }
    )


@pytest.fixture
async def pods(config: PipelineConfig) -> AsyncIterator[tuple[RunningPod, RunningPod]]:
    async with (
        running_pod(config, a_store(config)) as first,
        running_pod(config, a_store(config)) as second,
    ):
        yield first, second


def of(device: str, back: int = 0) -> Told:
    return Told("boiler_temperature", 1.5, int(time.time() * 1e3) - back, {"device": device})


async def send(pod: RunningPod, speaker: Speaker, *told: Told) -> tuple[int, str]:
    said = speaker.say(told)
    answer = await pod.ask(said.path, "POST", said.body, said.headers)
    return answer.status, answer.text


@pytest.mark.parametrize("speaker", SPEAKERS, ids=str)
async def test_new_series_are_rejected_and_known_ones_go_on(
    pods: tuple[RunningPod, RunningPod], speaker: Speaker
) -> None:
    """Also those that the asked pod has never seen; each rejected sample is named and counted."""
    first, second = pods
    for i in range(LIMIT):
        assert (await send(first, JsonSpeaker(), of(f"d{i}", 1000)))[0] == 200
    for pod in pods:
        await pod.pod.series_limit.look()
    status, text = await send(second, speaker, of("d0"), of("new"), of("d1"))
    assert status == speaker.partial
    assert "spec.ingest.maxSeries is 3" in text
    status, text = await send(first, speaker, of("new"))
    assert status in (speaker.partial, 400)
    assert "spec.ingest.maxSeries is 3" in text
    assert (await send(first, speaker, of("d2")))[0] == speaker.success
    assert await first.accepted() == LIMIT + 3
    metrics = (await second.admin("/metrics")).text
    counted = f'samples_rejected_total{{protocol="{speaker.label}",reason="series_limit"}} 1.0'
    assert counted in metrics
    assert "anomaly_pipeline_series 3.0" in metrics
    assert "anomaly_pipeline_series_limit 3.0" in metrics


async def test_verdicts_stay_with_their_samples(pods: tuple[RunningPod, RunningPod]) -> None:
    """In the order of the request."""
    first, _ = pods
    for i in range(LIMIT):
        await send(first, JsonSpeaker(), of(f"d{i}"))
    await first.pod.series_limit.look()
    said = JsonSpeaker().say([of("new"), of("d0"), of("newer"), of("d1")])
    answer = await first.ask(said.path + "?verdicts=true", "POST", said.body)
    verdicts = answer.json["verdicts"]
    assert isinstance(verdicts, list)
    assert [verdict["status"] for verdict in verdicts] == [
        "rejected",
        "warming",
        "rejected",
        "warming",
    ]


async def test_a_store_that_does_not_answer_changes_nothing() -> None:
    """What was known stays, and the next look comes sooner when it is close."""
    memory = MemoryStore()
    store = FaultyStore(memory)
    limit = SeriesLimit(store, 1)
    await limit.look()
    assert not limit.full
    store.faults = [Fault.BEFORE]
    limit.full = True
    await limit.look()
    assert limit.full
    store.faults = [Fault.BEFORE]
    with pytest.raises(StoreUnavailable):
        await limit.absent([a_series()])


class Asked(MemoryStore):
    """Tells of no series before `gate` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def read(self, partition: int, series: Sequence[Series]) -> list[bytes | None]:
        await self.gate.wait()
        return await super().read(partition, series)


async def test_what_waits_to_be_known_is_bounded() -> None:
    """A Redis that hangs while senders invent series must not fill the memory of the pod."""
    store, series = Asked(), a_series("new")
    limit = SeriesLimit(store, 1)
    limit.full = True
    workers = Workers(a_config(detection=ZSCORE), store, Unobserved())
    room = Room(Buffer(max_samples=5))
    buffer = LimitedBuffer(workers, limit, room)
    waiting = [buffer.offer(a_batch(series, [1.0, 2.0])) for _ in range(2)]
    with pytest.raises(BufferFull, match="4 of 5 samples"):
        buffer.offer(a_batch(series, [1.0, 2.0]))
    waiting[0].cancel()  # its sender went away; what was asked for it goes on
    store.gate.set()
    assert list((await waiting[1]).codes) == [OVER_LIMIT] * 2
    assert (room.samples, room.size_bytes) == (0, 0)


class Counted(MemoryStore):
    many = 0

    async def totals(self) -> Totals:
        return Totals(series=self.many)


async def test_it_looks_more_often_when_it_is_close() -> None:
    """Nine tenths of the limit are close."""
    store = Counted()
    limit = SeriesLimit(store, 10)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise InterruptedError
        store.many = 9

    with pytest.raises(InterruptedError):
        await limit.watch(sleep)
    assert slept == [INTERVAL_SECONDS, NEAR_SECONDS]
