"""Serves the description at `/openapi.json`. Mounted by `app.py`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from aiohttp import web

from anomaly_dataplane.contract.config import IngestProtocol
from anomaly_dataplane.contract.runtime import RELEASE
from anomaly_dataplane.ingest.reply import JSON_HEADERS

Route = tuple[str, str, IngestProtocol | None]
"""Method, path without the prefix, and the protocol whose it is; None for queries."""


class DescriptionHandler:
    """Answers with the description, made when somebody first asks: most pods are never asked."""

    def __init__(self, routes: Sequence[Route], base_path: str, *, tokens: bool) -> None:
        self._routes = routes
        self._base_path = base_path
        self._tokens = tokens
        self._body = b""

    async def handle(self, _: web.Request) -> web.Response:
        """Answer one request."""
        if not self._body:
            # Here, since the builders take memory that a pod can do without.
            from anomaly_dataplane.openapi.document import document

            described = document(self._routes, self._base_path, RELEASE, tokens=self._tokens)
            self._body = msgspec.json.encode(described)
        return web.Response(body=self._body, headers=JSON_HEADERS)
