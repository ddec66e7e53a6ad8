"""OTLP/HTTP metrics."""

from __future__ import annotations

from anomaly_dataplane.ingest.otlp.dialect import BINARY, TEXT
from anomaly_dataplane.openapi.parts import Json, answer, body, refusals


def operation(method: str, path: str) -> Json:
    """A POST of metrics in either encoding, answered in the same."""
    return {
        "summary": "Take OTLP metrics (ExportMetricsServiceRequest)",
        "tags": ["otlp"],
        "requestBody": body({BINARY: {}, TEXT: {"type": "object"}}),
        "responses": {
            "200": answer(200, {}, BINARY, TEXT),
            **refusals((400, 413, 415, 500, 503), {}, (BINARY, TEXT)),
        },
    }
