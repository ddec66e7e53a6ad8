"""What is kept of the cluster, and which changes matter."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from anomaly_operator import desired, inventory, kinds, names, spec
from anomaly_operator.inventory import ChildRef, Inventory, Key
from anomaly_operator.settings import Settings
from operators import a_resource

KEY = Key("team", "boiler")
Manifest = dict[str, Any]


def a_child(kind: str, version: int = 1, **changes: Any) -> Manifest:
    pipeline = spec.parse(a_resource(), Settings())
    (found,) = [
        o
        for o in desired.objects(pipeline, served=kinds.OPTIONAL, redis_credentials="c")
        if o["kind"] == kind and o["metadata"]["name"] == "boiler"
    ]
    found["metadata"] |= {"uid": f"uid-{kind}", "resourceVersion": str(version), "generation": 1}
    return {**found, **changes}


@pytest.fixture
def known() -> Inventory:
    inventory = Inventory()
    inventory.put_pipeline(_with_version(a_resource(), 1), watched=True)
    return inventory


def test_only_a_change_of_intent_asks_for_a_reconcile(known: Inventory) -> None:
    """Not the status that the operator itself has written."""
    status = _with_version({**a_resource(), "status": {"replicas": 1}}, 2)
    edit = _with_version(a_resource(generation=2), 3)

    assert known.put_pipeline(status, watched=True) is False
    assert known.put_pipeline(edit, watched=True) is True
    assert known.put_pipeline(_with_version(a_resource(uid="new"), 4), watched=True) is True


def test_an_older_version_never_replaces_a_newer_one(known: Inventory) -> None:
    """An event may be slower than the answer to a write."""
    known.put_pipeline(_with_version(a_resource(generation=3), 9), watched=False)

    assert known.put_pipeline(_with_version(a_resource(generation=2), 5), watched=True) is False
    kept = known.pipeline(KEY)
    assert kept is not None
    assert kept["metadata"]["generation"] == 3
    assert known.watched_version(KEY) == 5


def test_a_late_deletion_does_not_take_the_namesake(known: Inventory) -> None:
    """The uid tells them apart."""
    known.put_pipeline(_with_version(a_resource(uid="new"), 7), watched=True)

    assert known.drop_pipeline(KEY, "cr-uid") is False
    assert known.pipeline(KEY) is not None


@pytest.mark.parametrize(
    ("path", "value", "matters"),
    [
        (("metadata", "labels", "team"), "red", True),
        (("metadata", "annotations"), {"deployment.kubernetes.io/revision": "2"}, False),
        (("metadata", "managedFields"), [{"manager": "x", "operation": "Update"}], False),
        (("spec", "strategy"), {"type": "Recreate"}, True),
        (("spec", "replicas"), 3, True),
        (("status",), {"readyReplicas": 1}, True),
        (("status",), {"collisionCount": 1}, False),
    ],
)
def test_what_counts_as_a_change_of_a_child(
    known: Inventory, path: tuple[str, ...], value: Any, matters: bool
) -> None:
    """Spec, labels and the few status fields that conditions read; not the bookkeeping."""
    known.put_child(a_child("Deployment", 1))
    changed = copy.deepcopy(a_child("Deployment", 2))
    place: Any = changed
    for part in path[:-1]:
        place = place.setdefault(part, {})
    place[path[-1]] = value

    assert (known.put_child(changed) == KEY) is matters


def test_an_autoscalers_readings_are_no_change(known: Inventory) -> None:
    """They move every few seconds."""

    def reading(version: int, percent: int) -> Manifest:
        condition = {
            "type": "ScalingActive",
            "status": "True",
            "reason": "ValidMetricFound",
            "message": f"{percent}%",
        }
        metrics = [{"resource": {"current": {"averageUtilization": percent}}}]
        status = {"conditions": [condition], "currentMetrics": metrics}
        return a_child("HorizontalPodAutoscaler", version, status=status)

    known.put_child(reading(1, 40))

    assert known.put_child(reading(2, 45)) is None


def test_a_list_reveals_what_the_watch_has_missed(known: Inventory) -> None:
    """Changed, vanished and new children each name their pipeline once."""
    known.put_child(a_child("Deployment"))
    known.put_child(a_child("Service"))

    assert known.replace_children(kinds.DEPLOYMENT, None, [a_child("Deployment")]) == set()
    assert known.replace_children(kinds.DEPLOYMENT, None, []) == {KEY}
    assert set(known.children(KEY)) == {ChildRef("Service", "boiler")}


def test_a_child_without_owner_is_found_by_its_labels(known: Inventory) -> None:
    """Somebody has removed the reference."""
    orphan = a_child("Service")
    orphan["metadata"]["ownerReferences"] = []

    assert known.put_child(orphan) == KEY
    stranger = a_child("Service")
    stranger["metadata"]["ownerReferences"] = []
    stranger["metadata"]["labels"][names.LABEL_INSTANCE] = "unknown"
    assert known.put_child(stranger) is None


def test_a_deletion_is_told_once(known: Inventory) -> None:
    """And only of the object that is known."""
    known.put_child(a_child("Service", 5))
    successor = a_child("Service", 9)
    successor["metadata"]["uid"] = "other"

    assert known.drop_child(successor) is None
    assert known.drop_child(a_child("Service", 6)) == KEY
    assert known.drop_child(a_child("Service", 6)) is None


def test_who_owns_the_number_of_pods_is_read_from_the_managed_fields() -> None:
    """Only our own apply counts, not an update of the HPA."""
    entry = {"manager": names.FIELD_MANAGER, "operation": "Apply"}
    fields: Manifest = {"fieldsV1": {"f:spec": {"f:replicas": {}}}}

    def owned(*entries: Manifest) -> bool:
        live = a_child("Deployment")
        live["metadata"]["managedFields"] = list(entries)
        return inventory.child(live).owns_replicas

    assert owned({**entry, **fields})
    assert not owned({**entry, "fieldsV1": {"f:spec": {}}})
    assert not owned({**entry, **fields, "manager": "kube-controller-manager"})


def _with_version(body: Manifest, version: int) -> Manifest:
    body["metadata"]["resourceVersion"] = str(version)
    return body
