"""A slot moves from one primary to another while its partition is committed to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.store import Store, wire
from anomaly_dataplane.store.keys import Keys
from redis_server import RedisServer
from redis_stores import Failures, config_for, opened
from redis_topologies import Redises, primary_of
from samples import a_series
from senders import Sender


class Move:
    """The slot of partition 0 on its way to another primary, step by step."""

    def __init__(self, cluster: Redises, store: Store, failures: Failures, keys: Keys) -> None:
        self.store = store
        self.failures = failures
        everywhere = (a_series(device=f"d{i}") for i in range(200))
        self.series = [item for item in everywhere if item.partition == 0]
        self.sender = Sender(store, self.series)
        self._cluster = cluster
        key = keys.totals(0)
        self._outbox = keys.outbox(0)
        self.source = primary_of(cluster, key)
        roles = cluster.roles()
        self.target = next(
            server
            for server in cluster.servers
            if roles[server.port] == "master" and server is not self.source
        )
        with self._cluster.client(self.source) as client:
            self._slot = int(client.cluster("KEYSLOT", key))
            self._ids = {s.port: self._id(s) for s in (self.source, self.target)}

    def create_outbox(self) -> None:
        """As the first anomaly does."""
        with self._cluster.client(self.source) as client:
            client.xadd(self._outbox, {"anomaly": "{}"})

    def begin(self) -> None:
        """Tell both primaries that the slot is on its way."""
        self._set_slot(self.target, "IMPORTING", self._ids[self.source.port])
        self._set_slot(self.source, "MIGRATING", self._ids[self.target.port])

    def move(self, most: int | None = None) -> int:
        """Move so many blocks, or all keys; returns how many there were."""
        with self._cluster.client(self.source) as client:
            keys = client.cluster("GETKEYSINSLOT", self._slot, 10_000)
            moved = keys if most is None else [key for key in keys if ":s:" in str(key)][:most]
            if moved:
                client.migrate("127.0.0.1", self.target.port, moved, 0, 5000)
        return len(keys)

    def end(self) -> None:
        """Give the slot to the target."""
        for server in (self.target, self.source):
            self._set_slot(server, "NODE", self._ids[self.target.port])

    def _id(self, server: RedisServer) -> str:
        with self._cluster.client(server) as client:
            return str(client.cluster("MYID").decode())

    def _set_slot(self, server: RedisServer, state: str, node: str) -> None:
        with self._cluster.client(server) as client:
            client.cluster("SETSLOT", self._slot, state, node)


@pytest.fixture
async def move(replicated: Redises) -> AsyncIterator[Move]:
    config = config_for(*replicated.servers, mode="Cluster")
    failures = Failures()
    async with opened(config, failures) as store:
        move = Move(replicated, store, failures, Keys(config.pipeline.uid, 4))
        await move.sender.send()
        yield move
        move.move()
        move.end()


async def all_is_there_once(move: Move) -> None:
    sender = move.sender
    assert (await move.store.totals()).samples == sender.rounds * len(sender.series)
    assert await sender.duplicates(0, sender.rounds)
    assert sender.refusals == 0


async def test_a_slot_that_has_moved_is_followed(move: Move) -> None:
    """MOVED: the new primary gets the Function and the next commit, without a pause."""
    move.begin()
    move.move()
    move.end()

    await move.sender.send()

    await all_is_there_once(move)
    assert move.failures.kinds == []


async def test_a_slot_whose_keys_have_all_left_is_asked_for_where_they_are(move: Move) -> None:
    """ASK: each request goes to the source first, as the slot is still its own.

    With a key that does not exist yet Redis says TRYAGAIN instead, so the outbox has an entry here.
    """
    move.create_outbox()
    move.begin()
    move.move()

    await move.sender.send()
    await move.sender.send()

    assert move.move() == 0  # nothing came back to the source
    await all_is_there_once(move)
    assert move.failures.kinds == []


async def test_keys_on_both_sides_are_waited_for(move: Move) -> None:
    """TRYAGAIN, until the move goes on."""
    move.begin()
    assert move.move(most=3) > 6

    sending = asyncio.create_task(move.sender.send())
    while "migrating" not in move.failures.kinds:  # noqa: ASYNC110  # no event of the store's
        await asyncio.sleep(0.01)
    move.move()
    move.end()
    await sending

    await all_is_there_once(move)


async def test_a_move_that_stops_half_way_is_503_in_bounded_time(move: Move) -> None:
    """And as soon as it goes on, commits do too."""
    move.begin()
    move.move(most=3)

    with pytest.raises(StoreUnavailable, match="migrating"):
        await move.store.read(0, move.series)

    move.move()
    move.end()
    assert None not in await move.store.read(0, move.series)


async def test_a_ping_looks_at_every_primary(replicated: Redises) -> None:
    """A partition whose primary has no Function yet gets it before the first sample comes."""
    for port, role in replicated.roles().items():
        if role == "master":
            with replicated.client(replicated.at(port)) as client:
                client.function_flush()
    config = config_for(*replicated.servers, mode="Cluster")

    async with opened(config) as store:
        await store.ping()

    keys = Keys(config.pipeline.uid, 4)
    for port in {primary_of(replicated, keys.totals(p)).port for p in range(4)}:
        with replicated.client(replicated.at(port)) as client:
            assert wire.FUNCTION in str(client.function_list())
