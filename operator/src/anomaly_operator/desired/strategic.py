"""Strategic merge of what a user wants of a pod onto what the operator makes: pure.

The rules are those of `kubectl patch`: maps merge, lists with a known key merge by it, other lists
are replaced, null takes away, and `$patch: delete` takes an entry out of a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MERGE_KEYS: Mapping[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}
"""By the name of a list: the field that tells its entries apart, as in Kubernetes' own API."""

_DIRECTIVE = "$patch"


def merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A new map: `patch` merged onto `base`."""
    if patch.get(_DIRECTIVE) == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    result = dict(base)
    for key, wanted in patch.items():
        if wanted is None:
            result.pop(key, None)
        elif isinstance(wanted, Mapping):
            before = result.get(key)
            result[key] = merged(before if isinstance(before, Mapping) else {}, wanted)
        elif isinstance(wanted, list) and key in MERGE_KEYS:
            result[key] = _merged_list(result.get(key) or [], wanted, MERGE_KEYS[key])
        else:
            result[key] = wanted
    return result


def _merged_list(base: list[Any], patch: list[Any], key: str) -> list[Any]:
    entries = list(base)
    for wanted in patch:
        if not isinstance(wanted, Mapping):
            entries.append(wanted)
            continue
        place = next(
            (
                index
                for index, entry in enumerate(entries)
                if isinstance(entry, Mapping) and entry.get(key) == wanted.get(key)
            ),
            None,
        )
        if wanted.get(_DIRECTIVE) == "delete":
            if place is not None:
                del entries[place]
        elif place is None:
            entries.append(merged({}, wanted))
        else:
            entries[place] = _merged_entry(entries[place], wanted)
    return entries


def _merged_entry(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    # A variable has one source: a value in place of a reference, or the other way round.
    if {"value", "valueFrom"} & patch.keys() and {"value", "valueFrom"} & base.keys():
        base = {name: value for name, value in base.items() if name not in ("value", "valueFrom")}
    return merged(base, patch)
