"""Where each partition's primary is: one server, what Sentinel says, or a Cluster's slots.

`redis_store.py` asks at its first call and again whenever what it knew no longer holds. The
questions go through redis-py, each over a connection of its own that is closed afterwards.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from redis import exceptions
from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.cluster import parse_cluster_slots
from redis.utils import str_if_bytes

from anomaly_dataplane.store.access import BadSecret, Login
from anomaly_dataplane.store.link import Address

T = TypeVar("T")

LASTING = (BadSecret, exceptions.AuthenticationError, exceptions.NoPermissionError)
"""Errors that tell more than those of servers that may only be down."""


class Servers(Protocol):
    """Finds primaries."""

    async def locate(self) -> Sequence[Address | None]:
        """For each partition the address of its primary, None where there is none just now.

        Raises:
            redis.exceptions.RedisError: nobody could tell.
        """
        ...


class OneServer:
    """A single server, or a Service that always leads to the primary."""

    def __init__(self, address: Address, partitions: int) -> None:
        self._addresses = [address] * partitions

    async def locate(self) -> Sequence[Address | None]:
        return self._addresses


class Client:
    """Makes short-lived redis-py clients, with the credentials of the moment."""

    def __init__(
        self, login: Callable[[], Login], connect_seconds: float, answer_seconds: float
    ) -> None:
        self._login = login
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds

    def to(self, address: Address) -> Redis:
        """A client of this server; whoever asks for it closes it."""
        login = self._login()
        options: dict[str, Any] = {
            "host": address[0],
            "port": address[1],
            "username": login.username,
            "password": login.password,
            "socket_connect_timeout": self._connect_seconds,
            "socket_timeout": self._answer_seconds,
            "retry": Retry(NoBackoff(), 0),
            # No greeting that an ACL user would need further rights for.
            "protocol": 2,
            "driver_info": None,
        }
        if login.tls is None:
            return Redis.from_pool(ConnectionPool(Connection, **options))
        return Redis.from_pool(ConnectionPool(_Secured, context=login.tls, **options))

    async def ask(self, address: Address, question: Callable[[Redis], Awaitable[T]]) -> T:
        """One answer of one server."""
        async with self.to(address) as client:
            return await question(client)


class _Secured(SSLConnection):
    """A connection over the same TLS context as the links'."""

    def __init__(self, *, context: Any, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context.context = context


class Sentinels:
    """The primary of a name that Sentinels watch."""

    def __init__(
        self,
        addresses: Sequence[Address],
        name: str,
        partitions: int,
        sentinels: Client,
        servers: Client,
    ) -> None:
        self._addresses = list(addresses)
        self._name = name
        self._partitions = partitions
        self._sentinels = sentinels
        self._servers = servers

    async def locate(self) -> Sequence[Address | None]:
        # In any order: one that is cut off from the others must not be believed for ever.
        address = await _first("Sentinel", _shuffled(self._addresses), self._named_by)
        return [address] * self._partitions

    async def _named_by(self, sentinel: Address) -> Address:
        named = await self._sentinels.ask(sentinel, self._question)
        if not named:
            raise exceptions.ConnectionError(f"watches no primary called {self._name!r}")
        address = str_if_bytes(named[0]), int(named[1])
        role, *_ = await self._servers.ask(address, lambda client: client.role())
        if str_if_bytes(role) != "master":
            # It has not heard of the last failover yet, or that is still going on.
            raise exceptions.ConnectionError("names {}:{}, which is a replica".format(*address))
        return address

    async def _question(self, client: Redis) -> Any:
        # Not client.sentinel_get_master_addr_by_name(): it answers whether there is one.
        question = "SENTINEL GET-MASTER-ADDR-BY-NAME"
        return await client.execute_command(question, self._name)  # type: ignore[no-untyped-call]


class Cluster:
    """The primaries of a Redis Cluster, found from any of its nodes.

    Args:
        seeds: nodes to ask first; those that they name are asked later too.
        slots: of each partition.
        servers: how to reach a node.
    """

    def __init__(self, seeds: Sequence[Address], slots: Sequence[int], servers: Client) -> None:
        self._seeds = list(seeds)
        self._nodes: list[Address] = []
        self._slots = slots
        self._servers = servers

    async def locate(self) -> Sequence[Address | None]:
        # In any order, lest a node that is cut off from the others is believed again and again.
        nodes = dict.fromkeys((*_shuffled(self._nodes), *self._seeds))
        return self._learn(await _first("node of the Cluster", nodes, self._ranges_of))

    async def _ranges_of(self, node: Address) -> dict[tuple[int, int], dict[str, Any]]:
        reply = await self._servers.ask(node, _slots)
        return parse_cluster_slots(reply, current_host=node[0])

    def _learn(self, ranges: dict[tuple[int, int], dict[str, Any]]) -> list[Address | None]:
        primaries = {
            span: (str(node["primary"][0]), int(node["primary"][1]))
            for span, node in ranges.items()
        }
        replicas = (
            (str(host), int(port)) for node in ranges.values() for host, port in node["replicas"]
        )
        self._nodes = list(dict.fromkeys((*primaries.values(), *replicas)))
        return [
            next((to for (first, last), to in primaries.items() if first <= slot <= last), None)
            for slot in self._slots
        ]


async def _first(
    what: str, addresses: Iterable[Address], ask: Callable[[Address], Awaitable[T]]
) -> T:
    """The first answer; if there is none, the error that tells most."""
    failures: list[tuple[Address, exceptions.RedisError]] = []
    for address in addresses:
        try:
            return await ask(address)
        except exceptions.RedisError as error:
            failures.append((address, error))
    for (host, port), failure in failures:
        if isinstance(failure, LASTING):
            raise type(failure)(f"{what} {host}:{port}: {failure}") from failure
    texts = (f"{host}:{port}: {failure}" for (host, port), failure in failures)
    raise exceptions.ConnectionError(f"no {what} knows a primary: {'; '.join(texts)}")


def _shuffled(addresses: Sequence[Address]) -> list[Address]:
    return random.sample(addresses, len(addresses))


async def _slots(client: Redis) -> Any:
    # Not client.cluster_slots(): without a RedisCluster it is not parsed either.
    return await client.execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call]
