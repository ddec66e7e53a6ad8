"""The metadata that every child carries: name, labels, and the owner that garbage collects it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomaly_operator import names
from anomaly_operator.kinds import Kind
from anomaly_operator.spec import Pipeline

Manifest = dict[str, Any]


def manifest(
    pipeline: Pipeline,
    kind: Kind,
    name: str,
    component: str,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """The head of a child: kind and metadata; the caller adds the rest."""
    metadata: Manifest = {
        "name": name,
        "namespace": pipeline.namespace,
        "labels": {**(labels or {}), **names.labels(pipeline.name, component)},
        "ownerReferences": [owner(pipeline)],
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


def owner(pipeline: Pipeline) -> dict[str, Any]:
    """The reference by which a child goes when its pipeline goes."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": pipeline.name,
        "uid": pipeline.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
