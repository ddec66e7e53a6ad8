"""The CRD's schema, read from the one file: defaults and validation without a cluster.

Used by `render` for files and by `spec` as defence in depth. It knows the part of OpenAPI v3 that
our CRD uses; the CEL rules between fields have their twins in `spec`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import yaml

from anomaly_dataplane.contract.fields import unknown_field
from anomaly_operator.errors import Problem

Schema = Mapping[str, Any]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (Mapping,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
}
_IN_WORDS = {
    "object": "an object",
    "array": "a list",
    "string": "a string (in quotes, if it looks like a number)",
    "integer": "a whole number",
    "boolean": "true or false",
}


@functools.cache
def crd() -> dict[str, Any]:
    """The CustomResourceDefinition as the package carries it."""
    text = resources.files("anomaly_operator").joinpath("crd.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def root() -> Schema:
    """The schema of a whole AnomalyPipeline."""
    schema: Schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def defaulted(value: Any, schema: Schema) -> Any:
    """A copy of `value` with the defaults filled in, as the API server does it."""
    if isinstance(value, Mapping) and "properties" in schema:
        filled = dict(value)
        for name, below in schema["properties"].items():
            if name not in filled and "default" in below:
                filled[name] = below["default"]
            if name in filled:
                filled[name] = defaulted(filled[name], below)
        return filled
    if isinstance(value, list) and "items" in schema:
        return [defaulted(item, schema["items"]) for item in value]
    return value


def problems(value: Any, schema: Schema, path: str) -> Iterator[Problem]:
    """Everything in `value` that the schema refuses; `path` is where `value` stands."""
    if schema.get("x-kubernetes-int-or-string"):
        yield from _quantity(value, path)
        return
    wanted = schema.get("type", "object")
    if not isinstance(value, _TYPES[wanted]) or (wanted == "integer" and isinstance(value, bool)):
        yield Problem(path, f"must be {_IN_WORDS[wanted]}, not {_shown(value)}")
    elif isinstance(value, Mapping):
        yield from _object(value, schema, path)
    elif isinstance(value, list):
        yield from _array(value, schema, path)
    else:
        yield from _scalar(value, schema, path)


def _object(value: Mapping[str, Any], schema: Schema, path: str) -> Iterator[Problem]:
    for name in schema.get("required", ()):
        if name not in value:
            yield Problem(_join(path, name), "is required")
    declared = schema.get("properties")
    others = schema.get("additionalProperties")
    if declared is None and others is None:
        return
    if len(value) > schema.get("maxProperties", len(value)):
        yield Problem(path, f"must have at most {schema['maxProperties']} entries")
    for name, below in value.items():
        if declared is not None and name in declared:
            yield from problems(below, declared[name], _join(path, name))
        elif others is not None:
            yield from problems(below, others, _join(path, str(name)))
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield Problem(_join(path, str(name)), unknown_field(str(name), declared or ()))


def _array(value: list[Any], schema: Schema, path: str) -> Iterator[Problem]:
    if len(value) > schema.get("maxItems", len(value)):
        yield Problem(path, f"must have at most {schema['maxItems']} items")
    for i, item in enumerate(value):
        yield from problems(item, schema["items"], f"{path}[{i}]")
    keys = schema.get("x-kubernetes-list-map-keys")
    seen: list[Any] = []
    for i, item in enumerate(value):
        if keys and isinstance(item, Mapping):
            identity: Any = [item.get(key) for key in keys]
        elif schema.get("x-kubernetes-list-type") == "set":
            identity = item
        else:
            continue
        if identity in seen:
            yield Problem(f"{path}[{i}]", "stands in the list twice")
        seen.append(identity)


def _scalar(value: Any, schema: Schema, path: str) -> Iterator[Problem]:
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(schema["enum"])
        yield Problem(path, f"must be one of {allowed}, not {_shown(value)}")
    if "minimum" in schema and not schema["minimum"] <= value <= schema["maximum"]:
        bounds = f"{schema['minimum']} to {schema['maximum']}"
        yield Problem(path, f"must be {bounds}, not {value}")
    if isinstance(value, str):
        if len(value) > schema.get("maxLength", len(value)):
            yield Problem(path, f"must be at most {schema['maxLength']} characters long")
        if len(value) < schema.get("minLength", 0):
            yield Problem(path, "must not be empty")


_QUANTITY = re.compile(r"\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?")


def _quantity(value: Any, path: str) -> Iterator[Problem]:
    number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not number and not (isinstance(value, str) and _QUANTITY.fullmatch(value)):
        yield Problem(path, f"must be a quantity such as 500m or 64Mi, not {_shown(value)}")


def _shown(value: Any) -> str:
    if value is None:
        return "nothing (null)"
    return repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:80]}..."


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
