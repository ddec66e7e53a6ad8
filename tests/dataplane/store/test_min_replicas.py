"""`redis.minReplicasToWrite`: nothing is acknowledged that too few replicas have."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from anomaly_dataplane.errors import StoreUnavailable
from polling import PATIENCE
from redis_stores import Failures, SecuredRedis, config_for, on_sentinels, opened
from redis_topologies import Redises, Watched
from senders import Sender


@pytest.fixture(autouse=True)
def mended(sentinels: Watched) -> Iterator[None]:
    """Others use them too."""
    yield
    sentinels.mend()


async def test_without_replicas_a_sender_waits_and_every_sample_is_counted_once(
    sentinels: Watched,
) -> None:
    """What the primary took meanwhile is known again when a replica is back and has it."""
    failures = Failures()
    async with opened(on_sentinels(sentinels, minReplicasToWrite=1), failures) as store:
        sender = Sender(store)
        await sender.send()
        primary = sentinels.primary()
        replicas = [server for server in sentinels.servers if server is not primary]
        for replica in replicas:
            replica.stop()

        waiting = asyncio.create_task(sender.send())
        while sender.refusals < 2:
            assert not waiting.done()
            await asyncio.sleep(0.05)
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas have it"):
            await store.ping()
        assert (await store.totals()).samples == 2 * len(sender.series)  # taken, not acknowledged

        for replica in replicas:
            replica.start()
            with sentinels.client(replica) as client:
                client.replicaof("127.0.0.1", primary.port)
        await waiting
        await sender.send()

        assert sender.rounds == 3
        assert "no_replicas" in failures.kinds
        assert (await store.totals()).samples == 3 * len(sender.series)
        assert await sender.duplicates(0, 3)


async def test_what_was_acknowledged_outlives_the_primary_without_a_pause(
    sentinels: Watched,
) -> None:
    """The failover begins right after the answer; nobody has waited for replication."""
    async with opened(on_sentinels(sentinels, minReplicasToWrite=2)) as store:
        sender = Sender(store)
        for _ in range(5):
            await sender.send()
        sentinels.primary().stop()

        samples = None
        async with asyncio.timeout(PATIENCE):
            while samples is None:
                try:
                    samples = (await store.totals()).samples
                except StoreUnavailable:
                    await asyncio.sleep(0.1)

        assert samples == 5 * len(sender.series)


async def test_each_node_of_a_cluster_asks_its_own_replica(replicated: Redises) -> None:
    """One replica each is enough for one, and too little for two."""
    enough = config_for(*replicated.servers, mode="Cluster", minReplicasToWrite=1)
    async with opened(enough) as store:
        sender = Sender(store)
        await sender.send()
        assert sender.refusals == 0
    too_many = config_for(*replicated.servers, mode="Cluster", minReplicasToWrite=2)
    async with opened(too_many) as store:
        with pytest.raises(StoreUnavailable, match="1 of 2 replicas have it"):
            await store.ping()


async def test_a_user_without_the_right_is_told_which(secured: SecuredRedis) -> None:
    """`+wait` is asked for with this field only."""
    config = config_for(secured.server, tls={"enabled": True}, minReplicasToWrite=1)
    async with opened(config, secret_dir=secured.secret) as store:
        with pytest.raises(StoreUnavailable, match=r"\+wait with redis.minReplicasToWrite"):
            await store.ping()
