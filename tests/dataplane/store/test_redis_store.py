"""What only a real Redis can do: crash, forget the Function, refuse a password, run full."""

from __future__ import annotations

import asyncio

import pytest
import redis

from anomaly_dataplane.commit import Committer, Group
from anomaly_dataplane.contract.config import Detection, Ingest
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.sample import Code
from anomaly_dataplane.state.working_set import WorkingSet
from anomaly_dataplane.store import Store
from anomaly_dataplane.store.connect import connect
from redis_server import PASSWORD, RedisServer, redis_server
from redis_stores import Failures, config_for
from samples import START_MS, a_batch, a_series


def a_committer(store: Store) -> Committer:
    rules = Rulebook((Rules.of(Detection(), Ingest()),))
    return Committer(store, WorkingSet(METHODS[Detection().method], 120, 4096), rules, Unobserved())


async def commit(store: Store, values: list[float], first: int = 0) -> Group:
    batch = a_batch(a_series(), values, start=START_MS + 1000.0 * first)
    group = Group(batch.series, batch.times, batch.values)
    await a_committer(store).commit(group)
    return group


async def test_state_survives_a_crash_of_redis() -> None:
    """Killed without warning and started again, it goes on where it was, Function and all."""
    with redis_server() as server:
        store = connect(config_for(server), Unobserved(), username=None, password=None)
        await commit(store, [10.0, 11.0, 9.0])
        server.stop()
        with pytest.raises(StoreUnavailable):
            await store.ping()

        server.start()
        group = await commit(store, [10.0], first=3)

        assert group.verdicts.n[0] == 3
        assert (await store.totals()).samples == 4
        await store.aclose()


async def test_a_missing_function_is_loaded_again(
    standalone: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """After FUNCTION FLUSH, or on a new primary, whoever misses it brings it: once for all."""
    store = connect(config_for(standalone), Unobserved(), username=None, password=None)
    await commit(store, [1.0])
    with redis.Redis(port=standalone.port) as client:
        client.function_flush()
    caplog.set_level("INFO")
    caplog.clear()

    await asyncio.gather(store.ping(), store.ping(), commit(store, [1.0], first=1))

    assert caplog.text.count("loaded the Functions") == 1

    assert (await store.totals()).samples == 2
    await store.aclose()


async def test_a_wrong_password_is_named() -> None:
    """The reason reaches the metric and the readiness message."""
    with redis_server("--requirepass", PASSWORD) as server:
        failures = Failures()
        wrong = connect(config_for(server), failures, username=None, password="guess")
        right = connect(config_for(server), failures, username=None, password=PASSWORD)

        with pytest.raises(StoreUnavailable, match="auth"):
            await wrong.ping()
        await right.ping()

        assert set(failures.kinds) == {"auth"}
        await wrong.aclose()
        await right.aclose()


async def test_a_redis_that_ran_full_refuses_before_it_writes_anything() -> None:
    """noeviction and a full memory are a 503, never a half-written series."""
    with redis_server("--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as server:
        failures = Failures()
        store = connect(config_for(server), failures, username=None, password=None)
        await commit(store, [1.0])
        with redis.Redis(port=server.port) as client:
            client.config_set("maxmemory", "1mb")
            before = client.dbsize()

            with pytest.raises(StoreUnavailable, match="out_of_memory"):
                await commit(store, [1.0], first=1)

            assert client.dbsize() == before
        assert set(failures.kinds) == {"out_of_memory"}
        assert (await store.totals()).samples == 1
        await store.aclose()


async def test_a_cluster_serves_series_of_every_partition(cluster: list[RedisServer]) -> None:
    """One group spreads over the primaries, each partition in one call."""
    config = config_for(*cluster, mode="Cluster")
    store = connect(config, Unobserved(), username=None, password=None)
    series = [a_series(device=str(i)) for i in range(200)]
    group = Group(series, [START_MS] * 200, [1.0] * 200)

    await a_committer(store).commit(group)

    assert set(group.verdicts.codes) == {Code.WARMING}
    totals = await store.totals()
    assert (totals.samples, totals.series) == (200, 200)
    await store.aclose()


async def test_one_address_of_a_cluster_is_enough(cluster: list[RedisServer]) -> None:
    """The others are found from it."""
    store = connect(
        config_for(cluster[0], mode="Cluster"), Unobserved(), username=None, password=None
    )

    await store.ping()

    await store.aclose()


async def test_state_expires_when_a_series_is_idle(standalone: RedisServer) -> None:
    """Every state key has a time to live, so that series that went away cost nothing for ever."""
    config = config_for(standalone)
    store = connect(config, Unobserved(), username=None, password=None)
    await commit(store, [1.0])

    with redis.Redis(port=standalone.port) as client:
        (key,) = client.keys(f"{{{config.pipeline.uid}:*:s:*")
        assert 0 < client.pttl(key) <= 14 * 24 * 3600 * 1000
    await store.aclose()
