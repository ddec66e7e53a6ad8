"""Silent series: found whoever sweeps, told once, and told again when they are back."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from anomaly_dataplane.commit import Committer, Group
from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.rules import Rulebook
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.sample import Anomaly, Ending, Kind, Side, Trigger
from anomaly_dataplane.series import Series
from anomaly_dataplane.silence.register import MemoryRegister, RedisRegister, Register
from anomaly_dataplane.silence.sweep import Sweep
from anomaly_dataplane.state.layout import SHAPE, shape
from anomaly_dataplane.state.working_set import WorkingSet
from anomaly_dataplane.store import VERSION_BYTES, SeriesWrite, Store, Writes, wire
from anomaly_dataplane.store.keys import Keys
from anomaly_dataplane.store.link import pack
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.store.redis_store import RedisStore
from redis_server import RedisServer
from redis_stores import config_for, opened
from samples import START_MS, a_config, a_series

DETECTION = {
    "method": "ZScore",
    "staleAfter": "5m",
    "exclude": [{"metric": "debug"}],
    "overrides": [{"name": "slow", "match": {"metric": "slow"}, "staleAfter": "1h"}],
}


class Counted(Unobserved):
    """Remembers how many anomalies were raised, by family."""

    def __init__(self) -> None:
        self.anomalies_of: Counter[str] = Counter()

    def anomalies(self, family: str, count: int) -> None:
        self.anomalies_of[family] += count


@dataclass
class Pods:
    """Pods of one pipeline, as far as they take samples and sweep; the clock is set by hand."""

    store: Store
    config: PipelineConfig
    now: float = START_MS / 1000.0
    counted: Counted = field(default_factory=Counted)

    def __post_init__(self) -> None:
        self.book = Rulebook.of(self.config)
        self.partitions = self.config.redis.partitions
        self.keys = Keys(self.config.pipeline.uid, self.partitions)

    async def send(self, series: Series, value: float = 1.0) -> None:
        """A sample of now, by a pod that remembers nothing."""
        working_set = WorkingSet(METHODS[Name.ZSCORE], 20, 64)
        pod = Committer(self.store, working_set, self.book, Unobserved())
        again = Series(series.metric, series.labels, self.partitions)
        await pod.commit(Group([again], [1000.0 * self.now], [value]))

    def sweeper(self, name: str = "one") -> Sweep:
        register: Register
        if isinstance(self.store, RedisStore):
            register = RedisRegister(self.store, self.keys, self.partitions, name)
        else:
            assert isinstance(self.store, MemoryStore)
            register = MemoryRegister(self.store)
        return Sweep(
            register,
            self.store,
            lambda: self.book,
            Name.ZSCORE,
            self.partitions,
            lambda: self.now,
            self.counted,
        )

    async def events(self) -> list[Anomaly]:
        if isinstance(self.store, MemoryStore):
            return self.store.events
        assert isinstance(self.store, RedisStore)
        found = []
        for partition in range(self.partitions):
            request = pack("XRANGE", self.keys.outbox(partition), "-", "+")
            for _, fields in await self.store.ask(partition, request):
                found.append(wire.anomaly(fields[1]))
        return found


@pytest.fixture(params=["memory", "redis"])
async def pods(request: pytest.FixtureRequest, standalone: RedisServer) -> AsyncIterator[Pods]:
    if request.param == "memory":
        yield Pods(MemoryStore(), a_config(detection=DETECTION))
        return
    reached = config_for(standalone, partitions=2)
    async with opened(reached) as store:
        base = a_config(detection=DETECTION)
        config = PipelineConfig(
            pipeline=reached.pipeline, detection=base.detection, redis=reached.redis
        )
        yield Pods(store, config)


@pytest.mark.parametrize("number", [3, 4])
async def test_the_silence_of_a_series_last_seen_by_an_older_release_is_told(
    pods: Pods, number: int
) -> None:
    """Its block is of the layout of then until its next sample, which may never come."""
    device = a_series("temperature", device="boiler-1")
    await pods.send(device)
    series = Series(device.metric, device.labels, pods.partitions)
    (stored,) = await pods.store.read(series.partition, [series])
    assert stored is not None
    older = memoryview(bytearray(stored)).cast("d")
    older[SHAPE] = shape(number, 0, 20)
    row = SeriesWrite(series, stored[:VERSION_BYTES], [(0, older.tobytes())], whole=True)
    assert await pods.store.commit(series.partition, Writes.of([row]), 0) == []

    pods.now += 301.0

    assert await pods.sweeper().once() == 1
    assert await pods.sweeper("two").once() == 0


async def test_a_silent_series_is_told_once_and_when_it_is_back(pods: Pods) -> None:
    """The silence is one episode, whoever sweeps and however often."""
    device = a_series("temperature", device="boiler-1")
    await pods.send(device, 7.0)
    last = 1000.0 * pods.now

    pods.now += 299.0
    assert await pods.sweeper().once() == 0
    pods.now += 2.0
    told = [await pods.sweeper().once() for _ in range(3)]
    pods.now += 600.0
    await pods.send(device)
    await pods.send(device, 2.0)

    assert told == [1, 0, 0]
    silent, back = await pods.events()
    assert (silent.kind, silent.trigger, silent.direction) == (
        Kind.RAISED,
        Trigger.STALE,
        Side.NONE,
    )
    assert (silent.labels, silent.value, silent.episode_start) == (device.labels, 7.0, last)
    assert silent.time == last + 300_000.0
    assert (back.kind, back.ending, back.episode) == (
        Kind.RECOVERED,
        Ending.REPORTING,
        silent.episode,
    )
    assert silent.id == silent.episode
    assert pods.counted.anomalies_of == {"stale": 1}


async def test_each_series_has_the_patience_of_its_rule(pods: Pods) -> None:
    """An override may wait longer, and what is excluded is never missed."""
    for metric in ("quick", "slow", "debug"):
        await pods.send(a_series(metric))

    pods.now += 600.0
    await pods.sweeper().once()
    soon = [event.metric for event in await pods.events()]
    pods.now += 3600.0
    await pods.sweeper().once()

    assert soon == ["quick"]
    events = {event.metric: event for event in await pods.events()}
    assert set(events) == {"quick", "slow"}
    assert events["slow"].rule == "slow"


async def test_a_series_that_its_sender_closed_is_not_missed(pods: Pods) -> None:
    """A target that Prometheus no longer scrapes has ended, not failed."""
    device = a_series("up")
    await pods.send(device)
    pods.now += 60.0
    await pods.send(device, float("nan"))

    pods.now += 6000.0

    assert await pods.sweeper().once() == 0
    assert await pods.events() == []


async def test_a_series_that_reports_in_between_is_not_told(pods: Pods) -> None:
    """The commit checks the version that the sweep has seen: a race is lost, not told wrongly."""
    device = a_series("temperature")
    await pods.send(device)
    pods.now += 301.0
    sweeper = pods.sweeper()
    commit = pods.store.commit

    async def late(partition: int, writes: object, now_ms: int) -> list[int]:
        pods.store.commit = commit  # type: ignore[method-assign]
        await pods.send(device)
        return await commit(partition, writes, now_ms)  # type: ignore[arg-type]

    pods.store.commit = late  # type: ignore[method-assign]

    assert await sweeper.once() == 0
    assert await pods.events() == []


async def test_one_pod_sweeps_a_partition(standalone: RedisServer) -> None:
    """The others keep away until it stops coming back."""
    config = config_for(standalone, partitions=2)
    async with opened(config) as store:
        assert isinstance(store, RedisStore)
        keys = Keys(config.pipeline.uid, 2)
        one, other = (RedisRegister(store, keys, 2, name) for name in ("one", "other"))

        assert [await one.mine(0, 60.0), await one.mine(0, 60.0)] == [True, True]
        assert [await other.mine(0, 60.0), await other.mine(1, 60.0)] == [False, True]
        await store.ask(0, pack("DEL", keys.sweep(0)))
        assert await other.mine(0, 60.0)


async def test_without_a_rule_nobody_looks() -> None:
    """The pause is the longest, and the store is left alone."""
    pods = Pods(MemoryStore(), a_config(detection={"method": "ZScore"}))
    sweeper = pods.sweeper()
    asked = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) > 1:
            raise InterruptedError

    pods.now += 1e6
    with pytest.raises(InterruptedError):
        await sweeper.run(sleep)

    assert asked == [30.0, 30.0]
    assert await pods.events() == []
