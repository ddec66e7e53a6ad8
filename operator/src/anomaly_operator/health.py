"""The operator's own HTTP server: /livez, /readyz and /metrics. Started by `__main__`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST


@asynccontextmanager
async def serve(
    bind: str,
    port: int,
    metrics_text: Callable[[], bytes],
    deaf: Callable[[], str],
    ready: Callable[[], bool],
) -> AsyncIterator[int]:
    """Serve until the block is left; yields the port, which is free to choose with port 0.

    Args:
        bind: address to listen on.
        port: port to listen on.
        metrics_text: what /metrics shows.
        deaf: why the watch must be taken for deaf, or an empty string.
        ready: whether the first lists are in.
    """

    async def livez(_: web.Request) -> web.Response:
        why = deaf()
        return web.Response(status=503 if why else 200, text=f"{why or 'ok'}\n")

    async def readyz(_: web.Request) -> web.Response:
        up = ready()
        return web.Response(status=200 if up else 503, text="ok\n" if up else "starting\n")

    async def metrics(_: web.Request) -> web.Response:
        body = metrics_text()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes(
        [web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, bind, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
