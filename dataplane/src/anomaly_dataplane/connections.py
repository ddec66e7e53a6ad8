"""Bounds on the connections themselves: how many, and how long one may say nothing.

`serve.py` listens through it. aiohttp bounds a request's headers and, by its keep-alive time-out,
idle connections; it has no bound on their number nor an earlier one for those that never ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from anomaly_dataplane.contract.runtime import RETRY_AFTER_SECONDS
from anomaly_dataplane.front.connection import Connection
from anomaly_dataplane.front.server import Front

_BODY = b'{"error":"too many connections to this pod; try again"}'
_TURNED_AWAY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nRetry-After: %d\r\nConnection: close\r\n\r\n%s"
) % (len(_BODY), RETRY_AFTER_SECONDS, _BODY)


class ConnectionGate:
    """A protocol factory that lets connections in while there are not too many.

    Args:
        server: aiohttp's.
        new: makes the protocol of a connection: of `server`, or of `front` if there is one.
    """

    def __init__(
        self,
        server: web.Server,
        max_connections: int,
        new: Callable[[], asyncio.BaseProtocol],
        front: Front | None = None,
    ) -> None:
        self._new = new
        self._server = server
        self._front = front
        self._max_connections = max_connections
        self._silent: set[Connection | RequestHandler] = set()

    def __call__(self) -> asyncio.BaseProtocol:
        """The protocol of a new connection."""
        fronted = len(self._front.connections) if self._front is not None else 0
        if fronted + len(self._server.connections) >= self._max_connections:
            return _TurnAway()
        return self._new()

    def close_silent(self) -> None:
        """Close the connections that have sent no request since the call before this one."""
        # No public attribute tells; tests/dataplane/test_connections.py notices if it goes away.
        silent: set[Connection | RequestHandler] = {
            c for c in self._server.connections if getattr(c, "_request_count", 1) == 0
        }
        if self._front is not None:
            silent.update(c for c in self._front.connections if c.silent)
        for connection in silent & self._silent:
            connection.force_close()
        self._silent = silent

    async def watch(
        self, header_seconds: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Close silent connections for ever, each after one to two times `header_seconds`."""
        while True:
            await sleep(header_seconds)
            self.close_silent()


class _TurnAway(asyncio.Protocol):
    """Answers 503 before anything is read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        cast(asyncio.WriteTransport, transport).write(_TURNED_AWAY)
        transport.close()
