"""Asks servers where things are, through redis-py, over a connection of its own for each question.

`connect.py` imports it for Sentinel and Cluster only; `servers.py` says what is asked of whom.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis import exceptions
from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.cluster import parse_cluster_slots
from redis.crc import key_slot
from redis.utils import str_if_bytes

from anomaly_dataplane.store.access import Login
from anomaly_dataplane.store.link import Address
from anomaly_dataplane.store.redis_errors import translated
from anomaly_dataplane.store.servers import Ranges

__all__ = ["Client", "key_slot"]


class Client:
    """Puts questions to servers, with the credentials of the moment; implements `servers.Asked`."""

    def __init__(
        self, login: Callable[[], Login], connect_seconds: float, answer_seconds: float
    ) -> None:
        self._login = login
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds

    async def named(self, sentinel: Address, name: str) -> Address | None:
        # Not client.sentinel_get_master_addr_by_name(): it answers whether there is one.
        named = await self._ask(sentinel, "SENTINEL GET-MASTER-ADDR-BY-NAME", name)
        return (str_if_bytes(named[0]), int(named[1])) if named else None

    async def role(self, address: Address) -> str:
        role, *_ = await self._ask(address, "ROLE")
        return str(str_if_bytes(role))

    async def ranges(self, node: Address) -> Ranges:
        # Not client.cluster_slots(): without a RedisCluster it is not parsed either.
        reply = await self._ask(node, "CLUSTER SLOTS")
        return {
            span: (_address(nodes["primary"]), [_address(replica) for replica in nodes["replicas"]])
            for span, nodes in parse_cluster_slots(reply, current_host=node[0]).items()
        }

    async def _ask(self, address: Address, *question: str) -> Any:
        try:
            async with self._to(address) as client:
                return await client.execute_command(*question)  # type: ignore[no-untyped-call]
        except exceptions.RedisError as error:
            raise translated(error) from error

    def _to(self, address: Address) -> Redis:
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


class _Secured(SSLConnection):
    """A connection over the same TLS context as the links'."""

    def __init__(self, *, context: Any, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context.context = context


def _address(node: Any) -> Address:
    host, port, *_ = node
    return str(host), int(port)
