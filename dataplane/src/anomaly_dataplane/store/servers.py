"""Where each partition's primary is: one server, what Sentinel says, or a Cluster's slots.

`redis_store.py` asks at its first call and again whenever what it knew no longer holds. The
questions go through redis-py, each over a connection of its own that is closed afterwards.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from redis import exceptions
from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.cluster import parse_cluster_slots

from anomaly_dataplane.store.access import BadSecret, Login
from anomaly_dataplane.store.link import Address

T = TypeVar("T")

LASTING = (BadSecret, exceptions.AuthenticationError, exceptions.NoPermissionError)
"""Of several servers' errors the one that tells most: the others may only be down."""


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
        sentinel = Sentinel([])  # type: ignore[no-untyped-call]  # redis-py's
        # Our clients instead of its own: they share the links' TLS context.
        sentinel.sentinels = [self._sentinels.to(address) for address in self._addresses]
        random.shuffle(sentinel.sentinels)
        try:
            host, port = await sentinel.discover_master(self._name)
        except exceptions.ConnectionError as error:
            raise exceptions.ConnectionError(
                f"no Sentinel knows a primary called {self._name!r}: {error}"
            ) from error
        finally:
            await sentinel.aclose()
        address = (str(host), int(port))
        role, *_ = await self._servers.ask(address, lambda client: client.role())
        if role not in ("master", b"master"):
            raise exceptions.ConnectionError(
                f"{host}:{port}, which Sentinel calls the primary, says that it is a replica"
            )
        return [address] * self._partitions


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
        failures: list[tuple[Address, exceptions.RedisError]] = []
        # In any order, lest a node that is cut off from the others is believed again and again.
        known = random.sample(self._nodes, len(self._nodes))
        for address in dict.fromkeys((*known, *self._seeds)):
            try:
                reply = await self._servers.ask(address, _slots)
            except exceptions.RedisError as error:
                failures.append((address, error))
            else:
                return self._learn(parse_cluster_slots(reply, current_host=address[0]))
        lasting = (error for _, error in failures if isinstance(error, LASTING))
        raise next(lasting, None) or exceptions.ConnectionError(
            "no node of the Cluster answers: "
            + "; ".join(f"{host}:{port}: {error}" for (host, port), error in failures)
        )

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


async def _slots(client: Redis) -> Any:
    # Not client.cluster_slots(): without a RedisCluster it is not parsed either.
    return await client.execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call]
