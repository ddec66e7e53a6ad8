"""No field is accepted and ignored: changing it changes what the operator would apply.

The fields are those of the CRD's schema, so a new one is tested from its first day. A field whose
values cannot be guessed from the schema, or that counts only beside another, stands in the tables.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from anomaly_operator import desired, kinds, names, schema, spec
from anomaly_operator.desired.purgejob import purge_job
from anomaly_operator.errors import InvalidSpec
from anomaly_operator.settings import Settings

Schema = dict[str, Any]

MQTT = {"broker": "m:1883", "topics": ["sensors/{device}/{metric}"]}
EXTERNAL = {"redis": {"mode": "Standalone", "urls": ["r:6379"]}}
BESIDE: dict[str, dict[str, Any]] = {
    "replicas": {"autoscaling": {"enabled": False}},
    "detection.score": {"detection": {"method": "Fused"}},
    "detection.sensitivity": {"detection": {"method": "Fused"}},
    "networkPolicy.enabled": {},
    "networkPolicy": {"networkPolicy": {"enabled": True}},
    "redis.managed.storage.storageClassName": {"redis": {"managed": {"storage": {"size": "1Gi"}}}},
    "ingest.mqtt.broker": {},
    "ingest.mqtt.topics": {},
    "ingest.mqtt": {"ingest": {"mqtt": MQTT}},
    "expose.parentRefs": {"expose": {"type": "HTTPRoute", "parentRefs": [{"name": "public"}]}},
    "redis.secretRef": EXTERNAL,
    "redis.tls": EXTERNAL,
    "redis.minReplicasToWrite": EXTERNAL,
    "deletionPolicy": EXTERNAL,
}
"""What a field, or all below a group, needs to count: further fields of spec."""

VALUES: dict[str, Any] = {
    "autoscaling.minReplicas": 2,
    "alerting.webhooks": [{"name": "on-call", "url": "https://host.example/hook"}],
    "alerting.maintenance": [{"name": "service", "start": "2026-01-01T00:00:00Z"}],
    "autoscaling.metrics": [{"type": "External", "external": {"metric": {"name": "lag"}}}],
    "ingest.mqtt.broker": MQTT,
    "ingest.mqtt.topics": MQTT,
    "alerting.minConsecutive": {"minConsecutive": 2, "of": 3},
    "detection.timeZone": "Europe/Berlin",
    "detection.overrides": [{"match": {"metric": "temp_.*"}, "threshold": "4"}],
    "detection.shadow.timeZone": "Europe/Berlin",
    "detection.shadow.window": 100,
    "detection.exclude": [{"metric": "temp_.*"}],
    "redis.mode": {"mode": "Cluster", "urls": ["r:6379"]},
    "redis.urls": {"mode": "Standalone", "urls": ["r:6379"]},
    "redis.sentinelMaster": {"mode": "Sentinel", "urls": ["s:26379"], "sentinelMaster": "main"},
    "redis.managed.maxMemory": "512mb",
    "redis.managed.storage.size": "2Gi",
}
"""Values that cannot be guessed; where one field cannot change alone, those of its whole group."""

GUESSES = (
    "7",
    "0.7",
    "5m",
    "17s",
    "a-word",
    "/a/path",
    "host.example:99",
    "https://host.example:99/x",
)
"""Strings, one of which most rules accept."""


def leaves(node: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """The fields that hold values; what is in lists and free maps belongs to those."""
    for name, below in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        if below.get("properties"):
            yield from leaves(below, here)
        else:
            yield here, below


LEAVES = dict(leaves(schema.root()["properties"]["spec"]))


def applied(wanted: dict[str, Any]) -> str:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "boiler", "namespace": "team", "uid": "uid"},
        "spec": wanted,
    }
    pipeline = spec.parse(body, Settings(namespace="system"))
    found = desired.objects(pipeline, served=kinds.OPTIONAL, redis_credentials="c")
    if pipeline.purges:  # what its deletion makes
        found.append(purge_job(pipeline, 300))
    return json.dumps(found, sort_keys=True)


def candidates(path: str, node: Schema) -> Iterator[Any]:
    """Values other than the default."""
    default = node.get("default")
    if path in VALUES:
        yield VALUES[path]
    elif "enum" in node:
        yield from (each for each in node["enum"] if each != default)
    elif node.get("type") == "boolean":
        yield not default
    elif node.get("type") == "integer":
        yield (
            (default + 1) if default is not None and default < node["maximum"] else node["minimum"]
        )
        yield node["minimum"]
    elif node.get("type") == "array":
        if default:
            yield []
        yield from ([item] for item in items(node["items"]))
    elif node.get("type") == "object":
        below = node.get("additionalProperties")
        quantity = below is not None and below.get("x-kubernetes-int-or-string")
        yield {"cpu": "77m"} if quantity else {"key": "value"}
    else:
        yield from (guess for guess in GUESSES if guess != default)


def items(node: Schema) -> Iterator[Any]:
    """Entries of a list, with every field that they must have."""
    if node.get("type") != "object":
        yield from candidates("", node)
        return
    item: dict[str, Any] = {} if node.get("required") else {"key": "value"}
    for name in node.get("required", ()):
        item[name] = next(candidates("", node["properties"][name]))
    yield item
    for name, below in node.get("properties", {}).items():
        if name not in item:
            for value in candidates("", below):
                yield {**item, name: value}


def changed(wanted: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(wanted)
    if path in VALUES and isinstance(value, dict):
        path = path.rpartition(".")[0]
    *groups, last = path.split(".")
    node = result
    for name in groups:
        node = node.setdefault(name, {})
    node[last] = value
    return result


@pytest.mark.parametrize("path", sorted(LEAVES))
def test_changing_a_field_changes_what_is_applied(path: str) -> None:
    """A user who sets it sees something happen."""
    node = LEAVES[path]
    beside: dict[str, Any] = next(
        (found for place, found in BESIDE.items() if f"{path}.".startswith(f"{place}.")), {}
    )
    before = applied(beside)
    refused: list[str] = []
    for value in candidates(path, node):
        try:
            after = applied(changed(beside, path, value))
        except InvalidSpec as error:
            refused.append(f"{value!r}: {error}")
            continue
        if after != before:
            return
        refused.append(f"{value!r} is accepted and ignored")
    pytest.fail(f"spec.{path}: no value has an effect; VALUES may need one: {'; '.join(refused)}")


def test_the_tables_name_fields_that_exist() -> None:
    """What was renamed goes from here, too."""
    for path in (*BESIDE, *VALUES):
        assert any(f"{leaf}.".startswith(f"{path}.") for leaf in LEAVES), path
