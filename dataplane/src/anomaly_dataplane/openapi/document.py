"""The whole description, of the routes that a pipeline has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from anomaly_dataplane.contract.config import IngestProtocol
from anomaly_dataplane.openapi import influx, ingest, otlp, queries, remote_write
from anomaly_dataplane.openapi.handler import Route
from anomaly_dataplane.openapi.parts import ERROR, Json, answer
from anomaly_dataplane.openapi.schemas import schemas

_OF: dict[IngestProtocol | None, Callable[[str, str], Json]] = {
    None: queries.operation,
    IngestProtocol.JSON: ingest.operation,
    IngestProtocol.INFLUX_LINE: influx.operation,
    IngestProtocol.PROMETHEUS_REMOTE_WRITE: remote_write.operation,
    IngestProtocol.OTLP: otlp.operation,
}


def document(routes: Iterable[Route], base_path: str, version: str, *, tokens: bool) -> Json:
    """The description.

    Args:
        routes: all that there are.
        base_path: of the pipeline, empty without one.
        version: of the product.
        tokens: nobody gets in without one.
    """
    paths: dict[str, Json] = {}
    for method, path, protocol in routes:
        operation = _OF[protocol](method, path)
        if tokens and "security" not in operation:
            _guard(operation)
        paths.setdefault(path, {})[method.lower()] = operation
    components: Json = {"schemas": schemas()}
    described: Json = {
        "openapi": "3.1.0",
        "info": {"title": "Anomaly pipeline", "version": version},
        "servers": [{"url": url} for url in dict.fromkeys((base_path or "/", "/"))],
        "paths": paths,
        "components": components,
    }
    if tokens:
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "basic": {"type": "http", "scheme": "basic"},
        }
        described["security"] = [{"bearer": []}, {"basic": []}]
    return described


def _guard(operation: Json) -> None:
    """Add the answer to who has no valid token, worded as the other refusals are."""
    responses = cast(dict[str, Json], operation["responses"])
    content = responses["400"]["content"]
    responses["401"] = {**answer(401, ERROR), "content": content}
