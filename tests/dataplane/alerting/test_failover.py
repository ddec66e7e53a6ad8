"""Alerts while a primary dies, under Sentinel and in a Cluster: none is lost or doubled.

Whole pods but for HTTP: samples are scored and committed, another pod takes over what one that is
gone had held, and a receiver empties its queues, all through the failover. What the primary had
not replicated may be lost, so the test waits for the replicas before it kills.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import msgspec
import pytest

from anomaly_dataplane.alerting.notices import Notice
from anomaly_dataplane.alerting.redis_ledger import RedisLedger
from anomaly_dataplane.alerting.stage import AlertingStage
from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.sample import Batch
from anomaly_dataplane.series import Series
from anomaly_dataplane.store.keys import Keys
from anomaly_dataplane.store.redis_store import RedisStore
from anomaly_dataplane.workers import Workers
from polling import PATIENCE
from redis_server import RedisServer
from redis_stores import config_for, on_sentinels, opened
from redis_topologies import Redises, Watched, primary_of
from samples import START_MS, ZSCORE, a_config

PARTITIONS = 4
HOOK = "on-call"
METRICS = [f"m{i}" for i in range(8)]
USUAL = [10 + 0.1 * (i % 3) for i in range(40)]


@pytest.fixture(params=["Sentinel", "Cluster"])
def failing(
    request: pytest.FixtureRequest, sentinels: Watched, replicated: Redises
) -> Iterator[tuple[Redises, PipelineConfig]]:
    """The servers, and a pipeline on them."""
    servers: Redises = sentinels if request.param == "Sentinel" else replicated
    reached = (
        on_sentinels(sentinels)
        if request.param == "Sentinel"
        else config_for(*replicated.servers, mode="Cluster")
    )
    wanted = a_config(
        detection={**ZSCORE, "holdOffSamples": 0, "repeatAfterSamples": 0},
        alerting={"coolDown": "0s", "group": {"by": ""}, "webhooks": [{"name": HOOK}]},
    )
    yield servers, replace(reached, detection=wanted.detection, alerting=wanted.alerting)
    servers.mend()


def primary(servers: Redises, config: PipelineConfig) -> RedisServer:
    if isinstance(servers, Watched):
        return servers.primary()
    return primary_of(servers, Keys(config.pipeline.uid, PARTITIONS).totals(0))


@dataclass
class Pod:
    """One pod's workers, stage and receiver.

    Attributes:
        series: of its own: a series knows its place in one pod's cache.
        heard: the ids of notices, by what and metric.
    """

    ledger: RedisLedger
    stage: AlertingStage
    workers: Workers
    series: dict[str, Series]
    heard: dict[tuple[str, str], set[str]]

    async def send(self, clock: int, metrics: list[str], values: list[float]) -> None:
        """Tried again until it is acknowledged, as senders do."""
        for metric in metrics:
            each = self.series[metric]
            times = [START_MS + 1e3 * (clock + i) for i in range(len(values))]
            async with asyncio.timeout(PATIENCE):
                while True:
                    try:
                        await self.workers.offer(Batch([each] * len(values), times, values, 1))
                        break
                    except StoreUnavailable:
                        await asyncio.sleep(0.1)

    async def until_heard(self, what: str, metrics: set[str]) -> None:
        """Step, and take what there is to hear, until all of these were told so."""
        async with asyncio.timeout(PATIENCE):
            while {metric for told, metric in self.heard if told == what} < metrics:
                await self.stage.step()
                for partition in self.stage.held:
                    try:
                        await self._hear(partition)
                    except StoreUnavailable:
                        continue
                await asyncio.sleep(0.05)

    async def _hear(self, partition: int) -> None:
        for entry, payload in await self.ledger.queued(partition, HOOK, 100):
            notice = msgspec.json.decode(payload, type=Notice)
            self.heard[notice.what, notice.alert.metric].add(notice.id)
            await self.ledger.settle(partition, HOOK, entry, None)


async def test_a_failover_neither_loses_nor_doubles_an_alert(
    failing: tuple[Redises, PipelineConfig],
) -> None:
    """One alert each for the troubles of before and of meanwhile; all are resolved in the end."""
    servers, config = failing
    heard: dict[tuple[str, str], set[str]] = defaultdict(set)
    async with AsyncExitStack() as stack:
        pods = []
        for _ in range(2):
            store = await stack.enter_async_context(opened(config))
            assert isinstance(store, RedisStore)
            ledger = RedisLedger(store, Keys(config.pipeline.uid, PARTITIONS), PARTITIONS)
            own = {metric: Series(metric, {}, PARTITIONS) for metric in METRICS}
            stage = AlertingStage(ledger, config.alerting, Unobserved())
            pods.append(Pod(ledger, stage, Workers(config, store, Unobserved()), own, heard))
            await pods[-1].workers.start()
        first, second = pods
        before, meanwhile, names = METRICS[:4], METRICS[4:], set(METRICS)
        await first.send(0, METRICS, USUAL)
        await first.send(40, before, [99.0])
        await first.until_heard("Opened", set(before))
        victim = primary(servers, config)
        with servers.client(victim) as client:
            assert client.wait(1, 120_000) >= 1

        victim.stop()
        # The first pod is gone, too: the second one takes over what it held.
        await asyncio.gather(
            second.send(40, meanwhile, [99.0]), second.until_heard("Opened", names)
        )
        await second.send(41, METRICS, USUAL)
        await second.until_heard("Resolved", names)

        assert primary(servers, config).port != victim.port
        told = {what: {m: ids for (w, m), ids in heard.items() if w == what} for what, _ in heard}
        for what in ("Opened", "Resolved"):
            assert {metric: len(ids) for metric, ids in told[what].items()} == dict.fromkeys(
                names, 1
            )
        opened_ids = {
            m: {i.removesuffix("-opened") for i in ids} for m, ids in told["Opened"].items()
        }
        ended_ids = {
            m: {i.removesuffix("-resolved") for i in ids} for m, ids in told["Resolved"].items()
        }
        assert opened_ids == ended_ids
        assert [alert for alert in second.stage.alerts() if alert.is_open] == []
        for pod in pods:
            await pod.workers.drain()
