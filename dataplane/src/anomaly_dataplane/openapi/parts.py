"""What all descriptions are made of: answers, parameters, bodies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Json = dict[str, object]

ERROR: Json = {"$ref": "#/components/schemas/Error"}

_WHEN = {
    200: "done",
    204: "done; there is no body",
    308: "the path with the slash at its end",
    400: "the request is not understood, or samples were rejected, as the body says",
    401: "no valid token",
    404: "there is no such thing",
    409: "it conflicts with what is there",
    413: "too large",
    415: "unknown content type or content encoding",
    422: "the Idempotency-Key came with another body before",
    500: "a defect of the pod; its log has the details",
    503: "cannot be taken now; send the same again after Retry-After seconds",
}


def answer(status: int, schema: Json | None, *media_types: str) -> Json:
    """An answer; one without media types has no body."""
    described: Json = {"description": _WHEN[status]}
    if status == 503:
        described["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    if status == 401:
        described["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    if media_types:
        described["content"] = {name: {"schema": schema or {}} for name in media_types}
    return described


def refusals(
    statuses: Iterable[int],
    schema: Json = ERROR,
    media_types: Iterable[str] = ("application/json",),
) -> Json:
    """Answers of a request that is not taken."""
    return {str(status): answer(status, schema, *media_types) for status in statuses}


def query(name: str, schema: Json, description: str) -> Json:
    """An optional query parameter."""
    return {"name": name, "in": "query", "schema": schema, "description": description}


def header(name: str, schema: Json, description: str) -> Json:
    """An optional header."""
    return {"name": name, "in": "header", "schema": schema, "description": description}


def path_id(pattern: str) -> Json:
    """The `{id}` of a path."""
    schema = {"type": "string", "pattern": pattern}
    return {"name": "id", "in": "path", "required": True, "schema": schema}


def body(content: Mapping[str, Json], *, required: bool = True) -> Json:
    """A body by its media types."""
    return {"required": required, "content": {name: {"schema": s} for name, s in content.items()}}


def closed(properties: Mapping[str, Json], optional: Iterable[str] = ()) -> Json:
    """An object with these fields and no others."""
    left_out = set(optional)
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in left_out],
        "additionalProperties": False,
    }


def array(items: Json) -> Json:
    """A list of these."""
    return {"type": "array", "items": items}


def ref(name: str) -> Json:
    """One of `schemas.py`."""
    return {"$ref": f"#/components/schemas/{name}"}
