"""Prometheus remote write, 1.0 and 2.0."""

from __future__ import annotations

from anomaly_dataplane.openapi.parts import Json, answer, body, refusals
from anomaly_dataplane.openapi.schemas import TEXT


def operation(method: str, path: str) -> Json:
    """A POST of a snappy-compressed protobuf message."""
    return {
        "summary": "Take Prometheus remote write (protobuf, Content-Encoding snappy)",
        "tags": ["remote write"],
        "requestBody": body({"application/x-protobuf": {}}),
        "responses": {
            "204": answer(204, None),
            **refusals((400, 413, 415, 500, 503), TEXT, ("text/plain",)),
        },
    }
