"""Who owns which field of an object: the `managedFields` of server-side apply.

Pure; called by `inventory` and `apply`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from anomaly_operator import names

Entry = dict[str, Any]


def owns_replicas(entries: Iterable[Mapping[str, Any]]) -> bool:
    """Whether our own apply owns `spec.replicas`."""
    return any(_is_our_apply(entry) and "f:replicas" in _spec(entry) for entry in entries)


def take_over(entries: Iterable[Entry]) -> list[Entry]:
    """The entries with all of `spec` in our hands that others own outside of a subresource.

    What the HPA has written (subresource `scale`) and the hand-off of replicas stay where they
    are, and so do others' labels and annotations.
    """
    ours: Entry | None = None
    taken: dict[str, Any] = {}
    kept: list[Entry] = []
    for entry in entries:
        if _is_our_apply(entry):
            ours = entry
        elif entry.get("subresource") or entry.get("manager") == names.HANDOFF_MANAGER:
            kept.append(entry)
        else:
            taken = _union(taken, _spec(entry))
            rest = {key: value for key, value in _fields(entry).items() if key != "f:spec"}
            if rest:
                kept.append({**entry, "fieldsV1": rest})
    if ours is None or not taken:
        return list(entries)
    fields = {**_fields(ours), "f:spec": _union(_spec(ours), taken)}
    return [{**ours, "fieldsV1": fields}, *kept]


def _is_our_apply(entry: Mapping[str, Any]) -> bool:
    ours = entry.get("manager") == names.FIELD_MANAGER
    return ours and entry.get("operation") == "Apply" and not entry.get("subresource")


def _fields(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return entry.get("fieldsV1") or {}


def _spec(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return _fields(entry).get("f:spec") or {}


def _union(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for key, value in other.items():
        known = merged.get(key)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[key] = _union(known, value) if both else value  # type: ignore[arg-type]  # both are
    return merged
