"""All connections of the short way: makes them, looks after them, ends them.

`app.py` builds it, `serve.py` runs it, `connections.py` lets connections in.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from anomaly_dataplane.front.connection import Connection
from anomaly_dataplane.front.heads import Heads
from anomaly_dataplane.ingest.body import BodyReader
from anomaly_dataplane.ingest.intake import Endpoint
from anomaly_dataplane.ingest.responses import Responses
from anomaly_dataplane.readiness import Readiness
from anomaly_dataplane.telemetry import Telemetry

SWEEP_SECONDS = 1.0
"""A request that has not come as a whole after one to two of these is aiohttp's to wait for."""

_MAX_BODY_BYTES = 2**18
"""Of a plain request. Beyond it the framework is no cost that anybody would notice."""


class Front:
    """A protocol factory, and what its connections share.

    Attributes:
        connections: those that were not handed over.

    Args:
        aiohttp: makes a connection of aiohttp's, for whatever is no plain request.
        endpoints: by path.
    """

    def __init__(
        self,
        aiohttp: Callable[[], web.RequestHandler],
        endpoints: Mapping[str, Endpoint],
        bodies: BodyReader,
        telemetry: Telemetry,
        readiness: Readiness,
        *,
        max_body_bytes: int,
        keepalive_seconds: float,
    ) -> None:
        self.aiohttp = aiohttp
        self.bodies = bodies
        self.telemetry = telemetry
        self.heads = Heads(
            endpoints, min(max_body_bytes, _MAX_BODY_BYTES), asyncio.get_running_loop()
        )
        self.responses = Responses()
        self.connections: set[Connection] = set()
        self._readiness = readiness
        self._idle_sweeps = keepalive_seconds / SWEEP_SECONDS
        self._closing = False
        self._gone = asyncio.Event()

    def __call__(self) -> Connection:
        """The protocol of a new connection."""
        return Connection(self)

    @property
    def closing(self) -> bool:
        """Whether answers shall be the last of their connections."""
        return self._closing or self._readiness.leaving

    async def watch(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look after the connections for ever."""
        while True:
            await sleep(SWEEP_SECONDS)
            for connection in tuple(self.connections):
                connection.look_after(self._idle_sweeps)

    async def shutdown(self, timeout_seconds: float) -> None:
        """Close connections without work at once, and those with work after their answers."""
        self._closing = True
        for connection in tuple(self.connections):
            connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while self.connections:
                    self._gone.clear()
                    await self._gone.wait()
        for connection in tuple(self.connections):
            connection.force_close()

    def forget(self, connection: Connection) -> None:
        """The connection ended or was handed over."""
        self.connections.discard(connection)
        self._gone.set()
