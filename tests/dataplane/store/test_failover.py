"""A primary is killed, under Sentinel and in a Cluster: a replica takes over, nothing doubles.

What was acknowledged before and not yet replicated may be lost: Redis replicates asynchronously. So
these tests wait for the replicas before they kill, where they count what was there before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.store.keys import Keys
from redis_server import RedisServer
from redis_stores import Failures, config_for, on_sentinels, opened
from redis_topologies import Redises, Watched, primary_of
from senders import Sender

ROUNDS = 10


@pytest.fixture(autouse=True)
def mended(sentinels: Watched, replicated: Redises) -> Iterator[None]:
    """Others use them too."""
    yield
    sentinels.mend()
    replicated.mend()


def replicate(redises: Redises, primary: RedisServer) -> None:
    """Wait until a replica has all that the primary has acknowledged."""
    with redises.client(primary) as client:
        assert client.wait(1, 120_000) >= 1


async def test_a_sentinel_failover_loses_and_doubles_nothing_that_was_replicated(
    sentinels: Watched,
) -> None:
    """The client finds the new primary by itself; every sample is there once."""
    failures = Failures()
    async with opened(on_sentinels(sentinels), failures) as store:
        sender = Sender(store)
        for _ in range(ROUNDS):
            await sender.send()
        old = sentinels.primary()
        replicate(sentinels, old)

        old.stop()
        for _ in range(ROUNDS):
            await sender.send()

        assert sentinels.primary().port != old.port
        assert "connection" in failures.kinds
        assert (await store.totals()).samples == 2 * ROUNDS * len(sender.series)
        assert await sender.duplicates(0, 2 * ROUNDS)


async def test_a_kill_under_load_doubles_nothing(sentinels: Watched) -> None:
    """What was acknowledged after the failover is all there; totals count no sample twice."""
    async with opened(on_sentinels(sentinels)) as store:
        sender = Sender(store)
        primary = sentinels.primary()
        load = asyncio.create_task(send_until_dead(primary, sender))
        for _ in range(50):
            await asyncio.sleep(0.005)

        primary.stop()
        back_at = await load
        for _ in range(ROUNDS):
            await sender.send()

        samples = (await store.totals()).samples
        assert await sender.duplicates(back_at, sender.rounds)
        assert (await store.totals()).samples == samples
        assert (sender.rounds - back_at) * len(sender.series) <= samples
        assert samples <= sender.rounds * len(sender.series)


async def send_until_dead(primary: RedisServer, sender: Sender) -> int:
    """Send on and on; returns the first round that only the new primary can acknowledge."""
    while primary.process is not None:
        await sender.send()
    return sender.rounds


async def test_a_replica_is_no_primary(sentinels: Watched) -> None:
    """Reads would be answered; a ping tells that commits would not."""
    primary = sentinels.primary()
    replica = next(server for server in sentinels.servers if server is not primary)

    async with opened(config_for(replica)) as store:
        with pytest.raises(StoreUnavailable, match="read_only"):
            await store.ping()


async def test_a_cluster_failover_loses_and_doubles_nothing_that_was_replicated(
    replicated: Redises,
) -> None:
    """One primary of three goes; its partitions wait, then its replica serves them."""
    config = config_for(*replicated.servers, mode="Cluster")
    failures = Failures()
    async with opened(config, failures) as store:
        sender = Sender(store)
        for _ in range(ROUNDS):
            await sender.send()
        victim = primary_of(replicated, Keys(config.pipeline.uid, 4).totals(0))
        replicate(replicated, victim)

        victim.stop()
        for _ in range(ROUNDS):
            await sender.send()

        assert "connection" in failures.kinds
        assert (await store.totals()).samples == 2 * ROUNDS * len(sender.series)
        assert await sender.duplicates(0, 2 * ROUNDS)
