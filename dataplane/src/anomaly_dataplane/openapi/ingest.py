"""`/api/v1/ingest` and `/api/v1/backfill`."""

from __future__ import annotations

from anomaly_dataplane.ingest import receipts
from anomaly_dataplane.openapi.parts import Json, answer, array, body, header, query, ref, refusals
from anomaly_dataplane.openapi.schemas import FLAG

_JSON = "application/json"


def operation(method: str, path: str) -> Json:
    """A POST of samples in JSON."""
    telegraf: Json = {"type": "object", "description": "Telegraf's JSON: one metric or a batch"}
    sent: Json = {"anyOf": [ref("Sample"), array(ref("Sample")), telegraf]}
    bad: Json = {"allOf": [ref("Error")], "description": "with the counts if samples were rejected"}
    key: Json = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}
    return {
        "summary": f"Take samples, answer once they are committed: {path}",
        "tags": ["ingest"],
        "parameters": [
            query("verdicts", FLAG, "one verdict a sample"),
            query("strict", FLAG, "400 if any sample was rejected"),
            header(receipts.HEADER, key, "the same one makes a repeat change nothing"),
        ],
        "requestBody": body(
            {
                _JSON: sent,
                "application/x-ndjson": {"type": "string", "description": "one sample a line"},
            }
        ),
        "responses": {
            "200": answer(200, ref("Ingested"), _JSON),
            "400": answer(400, bad, _JSON),
            **refusals((413, 415, 422, 500, 503)),
        },
    }
