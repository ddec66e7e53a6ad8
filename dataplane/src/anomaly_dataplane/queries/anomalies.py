"""`GET /api/v1/anomalies`: what was found, newest first. Mounted by `app.py`."""

from __future__ import annotations

import msgspec
from aiohttp import web

from anomaly_dataplane.ingest.reply import JSON_HEADERS
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.parameters import Parameters
from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.store import Store

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


class AnomaliesHandler:
    """Answers with the anomalies since a time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        parameters = Parameters(request.query, known=("since", "limit"))
        since_ms = parameters.time_ms("since", 0.0)
        limit = parameters.count("limit", DEFAULT_LIMIT, MAX_LIMIT)
        parameters.check()
        found = await self._store.anomalies(int(since_ms), limit)
        body = {"anomalies": [as_json(event) for event in found]}
        return web.Response(body=msgspec.json.encode(body), headers=JSON_HEADERS)


def as_json(event: Anomaly) -> dict[str, object]:
    """An anomaly as the API shows it."""
    return {
        "id": event.id,
        "metric": event.metric,
        "labels": event.labels,
        "time": rfc3339(event.time),
        "value": event.value,
        "score": event.score,
        "threshold": event.threshold,
        "family": event.family,
        "z": event.z,
        "mean": event.mean,
        "std": event.std,
        "n": event.n,
        "expected": event.expected,
    }
