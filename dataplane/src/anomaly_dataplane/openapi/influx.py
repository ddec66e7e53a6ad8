"""Influx line protocol, and what its clients ask beside."""

from __future__ import annotations

from anomaly_dataplane.contract import runtime
from anomaly_dataplane.openapi.parts import (
    ERROR,
    Json,
    answer,
    array,
    body,
    closed,
    query,
    refusals,
)
from anomaly_dataplane.openapi.schemas import FLAG, TEXT

_JSON = "application/json"
_SECOND: Json = {
    "type": "object",
    "properties": {"code": TEXT, "message": TEXT},
    "required": ["code", "message"],
}


def operation(method: str, path: str) -> Json:
    """A write, or one of the others."""
    place = path.removeprefix(runtime.PATH_INFLUX_ALIAS)
    others = {
        runtime.PATH_INFLUX_PING: _ping,
        runtime.PATH_INFLUX_QUERY: _query,
        runtime.PATH_INFLUX_HEALTH: _health,
        runtime.PATH_INFLUX_READY: _health,
    }
    described = others[place](method) if place in others else _write(place)
    return {"tags": ["influx"], **described}


def _write(path: str) -> Json:
    second = path == runtime.PATH_INFLUX_2
    parameters = [
        query("bucket" if second else "db", TEXT, "becomes the label db"),
        query("precision", TEXT, "unit of the timestamps"),
    ]
    if path == runtime.PATH_INFLUX_3:
        parameters.append(query("accept_partial", FLAG, "false: all lines or none"))
    return {
        "summary": "Take line protocol",
        "parameters": parameters,
        "requestBody": body({"text/plain": TEXT}, required=False),
        "responses": {
            "204": answer(204, None),
            **refusals((400, 413, 415, 500, 503), _SECOND if second else ERROR),
        },
    }


def _ping(method: str) -> Json:
    shown = (_JSON,) if method == "GET" else ()
    return {
        "summary": "Whether anybody is there",
        "parameters": [query("verbose", TEXT, "true: 200 with the version")],
        "security": [],
        "responses": {
            "200": answer(200, closed({"version": TEXT}), *shown),
            "204": answer(204, None),
        },
    }


def _health(method: str) -> Json:
    told: Json = {"type": "object", "properties": {"status": TEXT}, "required": ["status"]}
    unready = answer(503, told, _JSON)
    del unready["headers"]
    return {
        "summary": "Whether the pod takes samples",
        "security": [],
        "responses": {"200": answer(200, told, _JSON), "503": unready},
    }


def _query(method: str) -> Json:
    described: Json = {
        "summary": "CREATE DATABASE and SHOW, which have no effect",
        "parameters": [query("q", TEXT, "the statement")],
        "responses": {
            "200": answer(200, closed({"results": array({})}), _JSON),
            **refusals((400, 413, 415, 500, 503)),
        },
    }
    if method == "POST":
        form = {"application/x-www-form-urlencoded": closed({"q": TEXT}, optional=["q"])}
        described["requestBody"] = body(form, required=False)
    return described
