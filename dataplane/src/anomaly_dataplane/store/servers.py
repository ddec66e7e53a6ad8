"""Where each partition's primary is: one server, what Sentinel says, or a Cluster's slots.

`redis_store.py` asks at its first call and again whenever what it knew no longer holds.
`questions.py` puts the questions.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from anomaly_dataplane.store import redis_errors as exceptions
from anomaly_dataplane.store.access import BadSecret
from anomaly_dataplane.store.link import Address

T = TypeVar("T")

LASTING = (BadSecret, exceptions.AuthenticationError, exceptions.NoPermissionError)
"""Errors that tell more than those of servers that may only be down."""


class Servers(Protocol):
    """Finds primaries."""

    async def locate(self) -> Sequence[Address | None]:
        """For each partition the address of its primary, None where there is none just now.

        Raises:
            RedisError: nobody could tell.
        """
        ...


Ranges = Mapping[tuple[int, int], tuple[Address, Sequence[Address]]]
"""First and last slot -> the primary that serves them, and its replicas."""


class Asked(Protocol):
    """Servers that can be asked. Each method raises RedisError where one does not answer."""

    async def named(self, sentinel: Address, name: str) -> Address | None:
        """The primary that a Sentinel watches by this name, if it does."""
        ...

    async def role(self, address: Address) -> str:
        """What a server says that it is: `master` or something else."""
        ...

    async def ranges(self, node: Address) -> Ranges:
        """What a node of a Cluster knows of all slots."""
        ...


class OneServer:
    """A single server, or a Service that always leads to the primary."""

    def __init__(self, address: Address, partitions: int) -> None:
        self._addresses = [address] * partitions

    async def locate(self) -> Sequence[Address | None]:
        return self._addresses


class Sentinels:
    """The primary of a name that Sentinels watch."""

    def __init__(
        self,
        addresses: Sequence[Address],
        name: str,
        partitions: int,
        sentinels: Asked,
        servers: Asked,
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
        address = await self._sentinels.named(sentinel, self._name)
        if address is None:
            raise exceptions.ConnectionError(f"watches no primary called {self._name!r}")
        if await self._servers.role(address) != "master":
            # It has not heard of the last failover yet, or that is still going on.
            raise exceptions.ConnectionError("names {}:{}, which is a replica".format(*address))
        return address


class Cluster:
    """The primaries of a Redis Cluster, found from any of its nodes.

    Args:
        seeds: nodes to ask first; those that they name are asked later too.
        slots: of each partition.
        servers: how to reach a node.
    """

    def __init__(self, seeds: Sequence[Address], slots: Sequence[int], servers: Asked) -> None:
        self._seeds = list(seeds)
        self._nodes: list[Address] = []
        self._slots = slots
        self._servers = servers

    async def locate(self) -> Sequence[Address | None]:
        # In any order, lest a node that is cut off from the others is believed again and again.
        nodes = dict.fromkeys((*_shuffled(self._nodes), *self._seeds))
        return self._learn(await _first("node of the Cluster", nodes, self._servers.ranges))

    def _learn(self, ranges: Ranges) -> list[Address | None]:
        primaries = {span: primary for span, (primary, _) in ranges.items()}
        replicas = (replica for _, others in ranges.values() for replica in others)
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
