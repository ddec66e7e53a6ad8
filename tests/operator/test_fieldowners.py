"""Fields that change hands."""

from __future__ import annotations

from typing import Any

from anomaly_operator import fieldowners, names

Entry = dict[str, Any]


def entry(manager: str, fields: dict[str, Any], operation: str = "Update", sub: str = "") -> Entry:
    found = {"manager": manager, "operation": operation, "fieldsV1": fields}
    return {**found, "subresource": sub} if sub else found


OURS = entry(names.FIELD_MANAGER, {"f:spec": {"f:ports": {"k:80": {}}}}, "Apply")


def test_what_others_have_put_into_the_spec_becomes_ours() -> None:
    """The next apply then removes it, since it is not wanted; their labels stay theirs."""
    edit = entry("kubectl-edit", {"f:spec": {"f:ports": {"k:81": {}}}, "f:metadata": {"f:x": {}}})

    ours, theirs = fieldowners.take_over([OURS, edit])

    assert ours["fieldsV1"] == {"f:spec": {"f:ports": {"k:80": {}, "k:81": {}}}}
    assert theirs["fieldsV1"] == {"f:metadata": {"f:x": {}}}


def test_the_autoscalers_replicas_and_the_hand_off_stay_where_they_are() -> None:
    """Else the next apply would reset the number of pods."""
    scale = entry("kube-controller-manager", {"f:spec": {"f:replicas": {}}}, sub="scale")
    held = entry(names.HANDOFF_MANAGER, {"f:spec": {"f:replicas": {}}}, "Apply")
    status = entry("kube-controller-manager", {"f:status": {}}, sub="status")

    before = [OURS, scale, held, status]

    assert fieldowners.take_over(before) == before


def test_nothing_changes_hands_where_we_own_nothing() -> None:
    """There would be no apply of ours to take it away again."""
    edit = entry("kubectl-edit", {"f:spec": {"f:a": {}}})

    assert fieldowners.take_over([edit]) == [edit]
