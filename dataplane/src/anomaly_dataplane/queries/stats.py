"""`GET /api/v1/stats`: what the pipeline has done so far; the operator polls it for the status.

Answers 200 with nulls and the reason while the store is down, so that who asks learns why.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec
from aiohttp import web

from anomaly_dataplane.buffer import Buffer
from anomaly_dataplane.contract.config import Identity
from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.ingest.reply import JSON_HEADERS
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.parameters import Parameters
from anomaly_dataplane.store import Store

HOUR_MS = 3_600_000
MOST_COUNTED = 1000
"""Anomalies of the last hour are counted up to here; a pipeline with more has another problem."""

ANSWER_SECONDS = 1.5
"""Shorter than the 2 s that the operator waits, so that it learns of a Redis that hangs."""


class StatsHandler:
    """Answers with the pipeline's totals, over all its pods, and this pod's buffer."""

    def __init__(
        self,
        pipeline: Identity,
        store: Store,
        buffer: Buffer,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._pipeline = pipeline
        self._store = store
        self._buffer = buffer
        self._wall_clock = wall_clock

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        Parameters(request.query, known=()).check()
        pipeline = self._pipeline
        body = {
            "pipeline": {
                "namespace": pipeline.namespace,
                "name": pipeline.name,
                "uid": pipeline.uid,
            },
            **await self._totals(),
            "buffer": {
                "samples": self._buffer.samples,
                "capacity": self._buffer.capacity_samples,
            },
        }
        return web.Response(body=msgspec.json.encode(body), headers=JSON_HEADERS)

    async def _totals(self) -> dict[str, object]:
        since_ms = int(self._wall_clock() * 1e3) - HOUR_MS
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                totals = await self._store.totals()
                recent = await self._store.anomalies(since_ms, MOST_COUNTED)
        except (StoreUnavailable, TimeoutError) as error:
            names = ("samples", "outliers", "anomalies", "anomalies_last_hour", "series")
            reason = str(error) or f"no answer within {ANSWER_SECONDS:g} s"
            return {
                **dict.fromkeys((*names, "last_sample_time")),
                "redis": {"up": False, "error": reason},
            }
        return {
            "samples": totals.samples,
            "outliers": totals.outliers,
            "anomalies": totals.anomalies,
            "anomalies_last_hour": len(recent),
            "series": totals.series,
            "last_sample_time": rfc3339(totals.last_sample_ms) if totals.last_sample_ms else None,
            "redis": {"up": True, "error": ""},
        }
