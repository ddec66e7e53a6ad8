"""`GET /api/v1/alerts`: what is open now, or was until a moment ago. Mounted by `app.py`."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from anomaly_dataplane.alerting.alert import Alert, readable
from anomaly_dataplane.alerting.ledger import Ledger
from anomaly_dataplane.alerting.texts import summary
from anomaly_dataplane.ingest.reply import JSON_HEADERS
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.parameters import Parameters

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


class AlertsHandler:
    """Answers with the alerts of all partitions, whichever pod looks after them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        parameters = Parameters(request.query, known=("limit", "resolved"))
        limit = parameters.count("limit", DEFAULT_LIMIT, MAX_LIMIT)
        resolved = parameters.flag("resolved")
        parameters.check()
        partitions = range(self._ledger.partitions)
        stored = await asyncio.gather(*(self._ledger.alerts(p) for p in partitions))
        alerts = [alert for _, found in stored for alert in readable(found)[0].values()]
        shown = [alert for alert in alerts if resolved or alert.is_open]
        shown.sort(key=lambda alert: (alert.is_open, alert.opened_ms), reverse=True)
        body = {
            "open": sum(alert.is_open for alert in alerts),
            "alerts": [as_json(alert) for alert in shown[:limit]],
        }
        return web.Response(body=msgspec.json.encode(body), headers=JSON_HEADERS)


def as_json(alert: Alert) -> dict[str, object]:
    """An alert as the API shows it."""
    last = alert.last
    return {
        "id": alert.id,
        "kind": alert.kind,
        "state": alert.state,
        "summary": summary(alert),
        "metric": alert.metric,
        "labels": alert.labels,
        "direction": alert.direction,
        "series": alert.series,
        "trigger": alert.trigger,
        "started": rfc3339(alert.started_ms),
        "updated": rfc3339(alert.updated_ms),
        "resolved": rfc3339(alert.resolved_ms) if alert.resolved_ms else None,
        "ending": alert.ending,
        "anomalies": alert.anomalies,
        "peak": alert.peak,
        "value": last.value if last is not None else None,
        "last_anomaly": last.anomaly if last is not None else None,
        "told": alert.told,
        "hush": alert.hush,
    }
