"""From attributes, of a resource or of a point, to labels.

An attribute is a key and any value; both parsers make Python's own values of it first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from anomaly_dataplane.ingest.otlp.names import label_name
from anomaly_dataplane.ingest.parsed import BadSample, Cause

Attribute = tuple[str, object]
"""Key and value: text, bool, int, float, None, or lists and dictionaries of them."""

IDENTIFYING = frozenset({"service.name", "service.namespace", "service.instance.id"})
"""Attributes of a resource that become labels: which service a series is of, and which instance.
The others (host, SDK, versions) would split a series in two whenever one of them changes."""


MAX_BYTES = 65_536
"""Of the attributes of a resource, or of a point, as they are spelled. They nest without end, and
decoded each of their parts takes many times its bytes."""


def check_size(size_bytes: int) -> None:
    """Refuse attributes that are too large, before they are decoded.

    Raises:
        BadSample: they have more than MAX_BYTES.
    """
    if size_bytes > MAX_BYTES:
        raise BadSample(
            Cause.SERIES, f"has {size_bytes} bytes of attributes; {MAX_BYTES} are allowed"
        )


def resource_labels(attributes: Iterable[Attribute]) -> dict[str, str]:
    """The labels that a resource gives to all its series."""
    return labels(attribute for attribute in attributes if attribute[0] in IDENTIFYING)


def labels(attributes: Iterable[Attribute]) -> dict[str, str]:
    """Labels of attributes; those without value are left out.

    Two keys that become one name, as `a.b` and `a_b` do, have their values joined by `;` in the
    order of the keys.
    """
    found: dict[str, str] = {}
    for key, value in sorted(attributes, key=_key):
        shown = text(value)
        if shown:
            name = label_name(key)
            found[name] = f"{found[name]};{shown}" if name in found else shown
    return found


def joined(resource: Mapping[str, str], attributes: Iterable[Attribute]) -> dict[str, str]:
    """The labels of a series: of its point, and of its resource where the point says nothing."""
    return {**resource, **labels(attributes)}


def text(value: object) -> str:
    """A value as a label has it: text as it is, all else as JSON writes it."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _key(attribute: Attribute) -> str:
    return attribute[0]
