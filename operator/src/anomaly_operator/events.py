"""Kubernetes Events, on transitions only: what `kubectl describe` tells of a pipeline's life.

Pure but for the name; called by `reconcile` after a status was written.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from anomaly_operator import kinds, names
from anomaly_operator.status.conditions import Type, find
from anomaly_operator.status.figures import timestamp
from anomaly_operator.status.reasons import PASSING, Reason

Manifest = dict[str, Any]


_WANTED = (Reason.SUSPENDED, Reason.PURGING)
"""Reasons not to be ready that somebody wants, and that are the events' own."""


class Happening(NamedTuple):
    """One event to post."""

    type: str
    reason: str
    message: str


def transitions(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Happening]:
    """What is worth telling about the step from one status to the next."""
    was = find(before.get("conditions") or (), Type.READY)
    now = find(after.get("conditions") or (), Type.READY)
    if now is None:
        return
    if was is None:
        yield Happening("Normal", "Created", "The pipeline's objects are being created")
    was_ready = was is not None and was["status"] == "True"
    if now["status"] == "True":
        if not was_ready:
            yield Happening("Normal", "Ready", f"Samples are taken at {after.get('endpoint', '')}")
    elif now["reason"] in _WANTED:
        if was is None or was["reason"] != now["reason"]:
            yield Happening("Normal", now["reason"], now["message"])
    elif was_ready and now["reason"] == Reason.ROLLING_OUT:
        yield Happening("Normal", "Updating", now["message"])
    elif was_ready or (
        now["reason"] not in PASSING and (was is None or was["reason"] != now["reason"])
    ):
        yield Happening("Warning", "NotReady", f"{now['reason']}: {now['message']}")


def scaled(old: int | None, new: int | None) -> Iterator[Happening]:
    """What is worth telling about the number of pods asked for."""
    if old and new and old != new:
        yield Happening("Normal", "Scaled", f"From {old} to {new} pods")


def manifest(body: Manifest, happening: Happening, now: datetime) -> Manifest:
    """The Event object about a pipeline."""
    meta = body["metadata"]
    moment = timestamp(now)
    return {
        "apiVersion": kinds.EVENT.api_version,
        "kind": kinds.EVENT.kind,
        "metadata": {
            "name": f"{meta['name'][:200]}.{secrets.token_hex(8)}",
            "namespace": meta["namespace"],
        },
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
            "resourceVersion": meta.get("resourceVersion", ""),
        },
        "type": happening.type,
        "reason": happening.reason,
        "message": happening.message[:1024],
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": names.FIELD_MANAGER,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
