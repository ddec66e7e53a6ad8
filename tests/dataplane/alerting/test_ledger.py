"""One suite for every Ledger, and what only that in Redis can do: change hands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec
import pytest
import redis

from anomaly_dataplane.alerting.ledger import LEASE_MS, Change, Ledger
from anomaly_dataplane.alerting.memory_ledger import MemoryLedger
from anomaly_dataplane.alerting.redis_ledger import GROUP, RedisLedger
from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.store import Store
from anomaly_dataplane.store.keys import ALERT_QUEUE_LENGTH, OUTBOX_HISTORY, Keys
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.store.redis_store import RedisStore
from events import commit, raised
from redis_server import RedisServer
from redis_stores import config_for, opened
from samples import a_series

SERIES = a_series(partitions=1, device="boiler-1")


@dataclass
class Kept:
    """A store with its ledger."""

    store: Store
    ledger: Ledger
    keys: Keys | None = None
    port: int = 0

    def another(self, lease_ms: int = LEASE_MS) -> RedisLedger:
        """The ledger of another pod."""
        assert isinstance(self.store, RedisStore)
        assert self.keys is not None
        return RedisLedger(self.store, self.keys, 1, lease_ms=lease_ms)

    def redis(self) -> redis.Redis:
        return redis.Redis(port=self.port)


@pytest.fixture
async def in_redis(standalone: RedisServer) -> AsyncIterator[Kept]:
    config = config_for(standalone, partitions=1)
    async with opened(config) as store:
        assert isinstance(store, RedisStore)
        keys = Keys(config.pipeline.uid, 1)
        yield Kept(store, RedisLedger(store, keys, 1), keys, standalone.port)


@pytest.fixture(params=["memory", "redis"])
async def kept(request: pytest.FixtureRequest, standalone: RedisServer) -> AsyncIterator[Kept]:
    if request.param == "memory":
        store = MemoryStore()
        yield Kept(store, MemoryLedger(store))
        return
    config = config_for(standalone, partitions=1)
    async with opened(config) as opened_store:
        assert isinstance(opened_store, RedisStore)
        keys = Keys(config.pipeline.uid, 1)
        yield Kept(opened_store, RedisLedger(opened_store, keys, 1), keys, standalone.port)


def ids(entries: object) -> list[str]:
    decode = msgspec.json.Decoder(Anomaly).decode
    return [decode(payload).id for _, payload in entries]  # type: ignore[attr-defined]


async def test_events_come_again_until_a_change_makes_up_for_them(kept: Kept) -> None:
    """In the order of their commits, and never after."""
    ledger = kept.ledger
    assert (await ledger.take(0)).entries in ((), [])
    await commit(kept.store, 1, (SERIES, raised(SERIES, 1)))
    await commit(kept.store, 2, (SERIES, raised(SERIES, 2)))

    first = await ledger.take(0)
    again = await ledger.take(0)
    assert ids(first.entries) == ids(again.entries) == [raised(SERIES, s).id for s in (1, 2)]

    change = Change(first.revision, [entry for entry, _ in first.entries], {"k": b'"a"'})
    assert (await ledger.change(0, change)).done
    await commit(kept.store, 3, (SERIES, raised(SERIES, 3)))
    last = await ledger.take(0)
    assert ids(last.entries) == [raised(SERIES, 3).id]
    assert last.revision != first.revision


async def test_a_change_that_starts_from_an_old_revision_changes_nothing(kept: Kept) -> None:
    """So that a step that was done, but whose answer was lost, is not done twice."""
    ledger = kept.ledger
    taken = await ledger.take(0)
    assert (await ledger.change(0, Change(taken.revision, alerts={"k": b'"a"'}))).done
    late = Change(taken.revision, alerts={"k": b'"b"'}, notices=[("hook", b"{}")])
    assert not (await ledger.change(0, late)).done
    assert (await ledger.alerts(0))[1] == {"k": b'"a"'}
    assert await ledger.queued(0, "hook", 10) == []


async def test_alerts_are_kept_and_forgotten(kept: Kept) -> None:
    """By key."""
    ledger = kept.ledger
    taken = await ledger.take(0)
    await ledger.change(0, Change(taken.revision, alerts={"a": b"1", "b": b"2"}))
    revision, alerts = await ledger.alerts(0)
    assert alerts == {"a": b"1", "b": b"2"}
    await ledger.change(0, Change(revision, alerts={"a": None}))
    assert (await ledger.alerts(0))[1] == {"b": b"2"}


async def test_each_receiver_has_a_queue_of_its_own(kept: Kept) -> None:
    """Settled one by one, in order."""
    ledger = kept.ledger
    taken = await ledger.take(0)
    notices = [("a", b"1"), ("b", b"1"), ("a", b"2")]
    await ledger.change(0, Change(taken.revision, notices=notices))
    (entry, payload), _ = await ledger.queued(0, "a", 10)
    assert payload == b"1"
    ((_, behind),) = await ledger.queued(0, "a", 10, after=entry)
    assert behind == b"2"
    await ledger.settle(0, "a", entry, None)
    assert [payload for _, payload in await ledger.queued(0, "a", 10)] == [b"2"]
    assert [payload for _, payload in await ledger.queued(0, "b", 10)] == [b"1"]


async def test_groups_are_counted_by_the_names_of_series(kept: Kept) -> None:
    """As many as have the label, whatever their state."""
    others = [a_series(f"m{i}", partitions=1, device="boiler-2") for i in range(3)]
    bare = a_series("bare", partitions=1)
    events = [(series, raised(series, 1)) for series in (SERIES, *others, bare)]
    await commit(kept.store, 1, *events)
    assert await kept.ledger.group_sizes("device") == {"boiler-1": 1, "boiler-2": 3}


async def test_only_one_pod_holds_a_partition(in_redis: Kept) -> None:
    """Until it lets go, or gives no sign of life."""
    me, other = in_redis.ledger, in_redis.another()
    assert (await me.take(0)).held
    assert not (await other.take(0)).held
    await me.release(0)
    assert (await other.take(0)).held


async def test_a_lease_is_renewed_when_half_of_it_is_over(in_redis: Kept) -> None:
    """Each renewal is written to the AOF: at every look, a pipeline at rest would fill SD cards."""
    assert in_redis.keys is not None
    me = in_redis.another(lease_ms=10 * 60_000)
    lease = in_redis.keys.lease(0)
    assert (await me.take(0)).held
    with in_redis.redis() as client:
        client.pexpire(lease, 6 * 60_000)
        assert (await me.take(0)).held
        assert client.pttl(lease) <= 6 * 60_000
        client.pexpire(lease, 4 * 60_000)
        assert (await me.take(0)).held
        assert client.pttl(lease) > 6 * 60_000


async def test_nothing_is_written_while_nothing_happens(in_redis: Kept) -> None:
    """A pod that looks a hundred times leaves the AOF as it was."""
    me = in_redis.another(lease_ms=10 * 60_000)
    await me.take(0)

    def writes(client: redis.Redis) -> int:
        return int(client.info("persistence")["rdb_changes_since_last_save"])

    with in_redis.redis() as client:
        before = writes(client)
        for _ in range(100):
            assert (await me.take(0)).held
        assert writes(client) == before


async def test_what_a_dead_pod_had_taken_is_taken_by_another(in_redis: Kept) -> None:
    """And what the dead one does after all, having only been asleep, is refused."""
    sleepy, other = in_redis.another(lease_ms=50), in_redis.another()
    await commit(in_redis.store, 1, (SERIES, raised(SERIES, 1)))
    taken = await sleepy.take(0)
    handled = [entry for entry, _ in taken.entries]
    await asyncio.sleep(0.1)

    claimed = await other.take(0)
    assert claimed.entries == taken.entries
    assert not (await sleepy.change(0, Change(taken.revision, handled, {"k": b"1"}))).done
    assert (await other.change(0, Change(claimed.revision, handled, {"k": b"2"}))).done
    assert (await other.alerts(0))[1] == {"k": b"2"}
    assert in_redis.keys is not None
    with in_redis.redis() as client:
        assert client.xpending(in_redis.keys.outbox(0), GROUP)["pending"] == 0
        await other.take(0)
        consumers = client.xinfo_consumers(in_redis.keys.outbox(0), GROUP)
    assert len(consumers) == 1


async def test_the_outbox_is_trimmed_behind_what_was_handled_only(in_redis: Kept) -> None:
    """Whatever has not become an alert stays, however long the outbox is."""
    ledger, keys = in_redis.ledger, in_redis.keys
    assert keys is not None
    await commit(in_redis.store, 1, (SERIES, raised(SERIES, 1)))
    await ledger.take(0)
    payload = msgspec.json.encode(raised(SERIES, 2))
    with in_redis.redis() as client:
        pipe = client.pipeline(transaction=False)
        for _ in range(OUTBOX_HISTORY + 1000):
            pipe.xadd(keys.outbox(0), {"anomaly": payload})
        pipe.execute()
        unhandled = client.xlen(keys.outbox(0))
        while True:
            taken = await ledger.take(0)
            if not taken.entries:
                break
            assert taken.lost == 0
            handled = [entry for entry, _ in taken.entries]
            assert (await ledger.change(0, Change(taken.revision, handled))).done
            unhandled -= len(handled)
            assert client.xlen(keys.outbox(0)) >= max(unhandled, OUTBOX_HISTORY)
        assert unhandled == 0
        assert client.xlen(keys.outbox(0)) < OUTBOX_HISTORY + 100


async def test_what_the_outbox_let_go_of_unhandled_is_counted(in_redis: Kept) -> None:
    """It is bounded, and says so when it could not keep something."""
    ledger, keys = in_redis.ledger, in_redis.keys
    assert keys is not None
    await commit(in_redis.store, 1, (SERIES, raised(SERIES, 1)))
    taken = await ledger.take(0)
    await ledger.change(0, Change(taken.revision, [entry for entry, _ in taken.entries]))
    payload = msgspec.json.encode(raised(SERIES, 2))
    with in_redis.redis() as client:
        pipe = client.pipeline(transaction=False)
        for _ in range(OUTBOX_HISTORY + 500):
            pipe.xadd(keys.outbox(0), {"anomaly": payload})
        pipe.execute()
        assert client.xtrim(keys.outbox(0), maxlen=OUTBOX_HISTORY + 200, approximate=False) == 301
    assert (await ledger.take(0)).lost == 300


async def test_a_queue_that_is_full_sends_to_the_dead_letters(in_redis: Kept) -> None:
    """A receiver that is away for good does not fill Redis."""
    ledger, keys = in_redis.ledger, in_redis.keys
    assert keys is not None
    with in_redis.redis() as client:
        pipe = client.pipeline(transaction=False)
        for _ in range(ALERT_QUEUE_LENGTH):
            pipe.xadd(keys.queue(0, "hook"), {"notice": b"1"})
        pipe.execute()
        taken = await ledger.take(0)
        notices = [("a-hook", b"2"), ("hook", b"2"), ("z-hook", b"2")]
        became = await ledger.change(0, Change(taken.revision, notices=notices))
        assert became.buried == {"hook": 1}
        assert client.xlen(keys.queue(0, "hook")) == ALERT_QUEUE_LENGTH
        ((_, fields),) = client.xrange(keys.dead_letters(0))
    letter = {"receiver": "hook", "reason": "its queue is full", "notice": 2}
    assert json.loads(fields[b"letter"]) == letter
