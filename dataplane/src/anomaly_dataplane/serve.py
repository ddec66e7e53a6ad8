"""The life of the process: listen, serve until told to stop, then drain from the front.

`process.py` calls it. The admin port opens first and closes last, so that the kubelet always gets
an answer; the public port refuses with 503 before it closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from anomaly_dataplane import KERNELS
from anomaly_dataplane.app import Pod, front, http_app, running, stats_handler
from anomaly_dataplane.connections import ConnectionGate
from anomaly_dataplane.contract.runtime import TERMINATION_GRACE_SECONDS
from anomaly_dataplane.health import admin_app
from anomaly_dataplane.http_handler import HttpHandler
from anomaly_dataplane.ingest.routes import PATHS, POSTS, edge

ADMIN_CONNECTIONS = 100

_BACKLOG = 1024

_CLOSING_SECONDS = 2.0
"""For answers that are being written when the public port closes."""
_LEAVING_SECONDS = 5.0
"""For what a broker has sent or still has for this pod, of the grace period."""
_ROOM_SECONDS = 5.0
"""Of the grace period, kept for closing."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listening:
    """The ports a pod really has; they differ from the settings where those say 0."""

    http_port: int
    admin_port: int


async def serve(
    pod: Pod, stop: asyncio.Event, started: Callable[[Listening], None] | None = None
) -> None:
    """Serve until `stop` is set, then drain and return.

    Args:
        pod: what to serve; it is closed at the end.
        stop: the wish to stop. Set again (cleared and set) it ends the waiting, not the drain.
        started: is told the ports once requests are answered.
    """
    settings = pod.settings
    async with (
        _listen(
            pod,
            admin_app(pod.readiness, pod.telemetry, stats_handler(pod).handle),
            settings.admin_port,
            ADMIN_CONNECTIONS,
        ) as admin_port,
        _listen(
            pod,
            http_app(pod),
            settings.http_port,
            settings.max_connections,
            fast_path=pod.config.ingest.fast_path,
        ) as http_port,
    ):
        logger.info(
            "serving %s/%s on port %d, probes and metrics on port %d, state in %s, kernels in %s",
            pod.config.pipeline.namespace,
            pod.config.pipeline.name,
            http_port,
            admin_port,
            settings.store,
            KERNELS.flavour,
        )
        if KERNELS.reason:
            logger.warning("the kernels run interpreted, some 50 times slower: %s", KERNELS.reason)
        if started is not None:
            started(Listening(http_port, admin_port))
        await stop.wait()
        await _drain(pod, stop)
    logger.info("stopped")


async def _drain(pod: Pod, stop: asyncio.Event) -> None:
    pod.readiness.leaving = True
    stop.clear()
    logger.info("stopping; serving on for %d s", pod.settings.drain_seconds)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), pod.settings.drain_seconds)
    # Only now: by this time the pod that takes our place has subscribed, so nothing is published
    # that nobody is there for.
    if pod.consumer is not None:
        await pod.consumer.leave(_LEAVING_SECONDS)
    logger.info("draining %d samples", pod.workers.samples)
    spent_seconds = pod.settings.drain_seconds + (_LEAVING_SECONDS if pod.consumer else 0)
    bound_seconds = max(1.0, TERMINATION_GRACE_SECONDS - spent_seconds - _ROOM_SECONDS)
    try:
        async with asyncio.timeout(bound_seconds):
            await pod.workers.drain()
    except TimeoutError:
        logger.error("gave up draining; %d samples were not acknowledged", pod.workers.samples)


@contextlib.asynccontextmanager
async def _listen(
    pod: Pod, app: web.Application, port: int, max_connections: int, *, fast_path: bool = False
) -> AsyncIterator[int]:
    """Serve an application on a port, behind the front if `fast_path`; yields the port."""
    settings = pod.settings
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(app, shutdown_timeout=_CLOSING_SECONDS)
    await runner.setup()
    try:
        assert runner.server is not None
        runner.server.request_handler = edge(
            runner.server.request_handler,
            pod.telemetry,
            pod.readiness,
            app[PATHS],
            app.get(POSTS, {}),
        )
        handler = partial(
            HttpHandler,
            runner.server,
            pod.telemetry,
            loop=loop,
            access_log=None,
            auto_decompress=False,  # ingest/body.py does it, within bounds
            keepalive_timeout=settings.keepalive_seconds,
        )
        fast = front(pod, handler) if fast_path else None
        gate = ConnectionGate(runner.server, max_connections, fast or handler, fast)
        listener = _socket(settings.bind, port)
        server = await loop.create_server(gate, sock=listener, backlog=_BACKLOG)
        try:
            watches = [gate.watch(settings.header_seconds)]
            if fast is not None:
                watches.append(fast.watch())
            async with running(*watches):
                yield listener.getsockname()[1]
        finally:
            server.close()
            if fast is not None:
                await fast.shutdown(_CLOSING_SECONDS)
    finally:
        await runner.cleanup()


def _socket(address: str, port: int) -> socket.socket:
    """A listening socket; without an address for IPv4 and IPv6, as far as the machine has them."""
    if address:
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((address, port), family=family, backlog=_BACKLOG)
    try:
        return socket.create_server(
            ("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG
        )
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise
        return socket.create_server(("", port), backlog=_BACKLOG)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` at SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
