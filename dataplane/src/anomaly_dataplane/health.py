"""The admin port: `/livez`, `/readyz`, `/metrics`, and the totals, which the operator asks for.

Built by `serve.py`; never routed from outside, so nothing here asks for a token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import hdrs, web

from anomaly_dataplane.contract.runtime import PATH_LIVEZ, PATH_METRICS, PATH_READYZ, PATH_STATS
from anomaly_dataplane.ingest.reply import JSON_HEADERS
from anomaly_dataplane.ingest.routes import PATHS, Handler
from anomaly_dataplane.readiness import Readiness
from anomaly_dataplane.telemetry import Telemetry

_METRICS_HEADERS = {hdrs.CONTENT_TYPE: "text/plain; version=0.0.4; charset=utf-8"}


def admin_app(readiness: Readiness, telemetry: Telemetry, stats: Handler) -> web.Application:
    """The application of the admin port."""
    app = web.Application()
    app[PATHS] = [f"GET {path}" for path in (PATH_LIVEZ, PATH_READYZ, PATH_METRICS, PATH_STATS)]
    app.router.add_get(PATH_LIVEZ, _livez)
    app.router.add_get(PATH_READYZ, _readyz(readiness))
    app.router.add_get(PATH_METRICS, _metrics(telemetry))
    app.router.add_get(PATH_STATS, stats)
    return app


async def _livez(_: web.Request) -> web.Response:
    """Alive: the event loop runs. Never asks Redis, whose failure a restart would not cure."""
    return web.Response(body=b'{"status":"ok"}', headers=JSON_HEADERS)


def _readyz(readiness: Readiness) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def readyz(_: web.Request) -> web.Response:
        ready = readiness.ready
        body = {"status": "ok" if ready else "not ready", "checks": readiness.checks()}
        status = 200 if ready else 503
        return web.Response(status=status, body=msgspec.json.encode(body), headers=JSON_HEADERS)

    return readyz


def _metrics(telemetry: Telemetry) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=telemetry.exposition(), headers=_METRICS_HEADERS)

    return metrics
