"""What the operator knows of the cluster without asking: pipelines and their children.

Fed by `handlers` (watch events), by `resync` (lists) and by `reconcile` (answers to its own
writes); read by `reconcile`. A child is kept as the few facts that decisions need, so that a
thousand pipelines fit into little memory and a steady state needs no request at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from anomaly_operator import fieldowners, kinds, names
from anomaly_operator.kinds import Kind

Manifest = dict[str, Any]


class Key(NamedTuple):
    """One AnomalyPipeline."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class ChildRef(NamedTuple):
    """One child of a pipeline, in the pipeline's namespace."""

    kind: str
    name: str


Place = tuple[Key, ChildRef]


@dataclass(frozen=True, slots=True)
class Child:
    """The facts kept of one live object."""

    kind: Kind
    namespace: str
    name: str
    uid: str
    version: int
    owner_uid: str
    owner_name: str
    ours: bool
    deleting: bool
    fingerprint: str
    generation: int
    replicas: int | None
    owns_replicas: bool
    cluster_ip: str
    ordered: bool
    """A StatefulSet whose pods wait for each other, which cannot be changed."""
    status: Mapping[str, Any]

    @property
    def ref(self) -> ChildRef:
        return ChildRef(self.kind.kind, self.name)


def child(manifest: Manifest) -> Child:
    """Reduce a live object to the facts that are kept of it."""
    meta = manifest["metadata"]
    spec = manifest.get("spec") or {}
    owner = controller_of(manifest)
    labels = meta.get("labels") or {}
    return Child(
        kind=kinds.of(manifest),
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta.get("uid", ""),
        version=version_of(manifest),
        owner_uid=owner.get("uid", ""),
        owner_name=owner.get("name", "") if owner.get("kind") == names.KIND else "",
        ours=labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY,
        deleting="deletionTimestamp" in meta,
        fingerprint=fingerprint(manifest),
        generation=meta.get("generation", 0),
        replicas=spec.get("replicas"),
        owns_replicas=fieldowners.owns_replicas(meta.get("managedFields") or ()),
        cluster_ip=spec.get("clusterIP", "") if manifest["kind"] == "Service" else "",
        ordered=spec.get("podManagementPolicy") == "OrderedReady",
        status=_status(manifest),
    )


def controller_of(manifest: Manifest) -> Mapping[str, str]:
    """The owner reference of the controlling owner, or nothing."""
    for owner in manifest["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            found: Mapping[str, str] = owner
            return found
    return {}


def version_of(manifest: Manifest) -> int:
    """The resourceVersion as a number that grows, which kube-apiserver's are; else 0."""
    text = manifest["metadata"].get("resourceVersion", "")
    return int(text) if text.isdigit() else 0


def fingerprint(manifest: Manifest) -> str:
    """A digest of all that an apply could change: not status, replicas or bookkeeping."""
    meta = manifest["metadata"]
    annotations = {
        name: value
        for name, value in (meta.get("annotations") or {}).items()
        if not name.startswith("deployment.kubernetes.io/")
    }
    kept: Manifest = {
        name: value for name, value in manifest.items() if name not in ("metadata", "status")
    }
    kept["metadata"] = [
        meta.get("labels") or {},
        annotations,
        sorted(owner.get("uid", "") for owner in meta.get("ownerReferences") or ()),
    ]
    if "replicas" in (kept.get("spec") or {}):
        kept["spec"] = {k: v for k, v in kept["spec"].items() if k != "replicas"}
    return digest(kept)


def digest(value: object) -> str:
    """A short digest of any JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


_STATUS_FIELDS = (
    "observedGeneration",
    "replicas",
    "readyReplicas",
    "updatedReplicas",
    "currentReplicas",
    "desiredReplicas",
    "currentRevision",
    "updateRevision",
    "loadBalancer",
    "parents",
)


def _status(manifest: Manifest) -> Mapping[str, Any]:
    """The status without what changes all the time, such as the HPA's current metrics."""
    status = manifest.get("status") or {}
    kept = {name: status[name] for name in _STATUS_FIELDS if name in status}
    if "conditions" in status:
        autoscaler = manifest["kind"] == kinds.AUTOSCALER.kind
        kept["conditions"] = {
            condition["type"]: (
                condition["status"],
                condition.get("reason", ""),
                ""
                if autoscaler and condition["status"] == "True"
                else condition.get("message", ""),
            )
            for condition in status["conditions"] or ()
        }
    return kept


class Inventory:
    """All pipelines and children that were seen."""

    def __init__(self) -> None:
        self._pipelines: dict[Key, Manifest] = {}
        self._watched: dict[Key, int] = {}
        self._children: dict[Key, dict[ChildRef, Child]] = {}
        self._bases: dict[Key, Key] = {}

    # Pipelines

    def put_pipeline(self, body: Manifest, *, watched: bool) -> bool:
        """Keep a pipeline; tell whether it differs from what is known in more than status.

        Args:
            body: as the API gave it.
            watched: whether the watch brought it; otherwise it is the answer to a request.
        """
        key = key_of(body)
        if watched:
            self._watched[key] = max(self._watched.get(key, 0), version_of(body))
        known = self._pipelines.get(key)
        if known is not None and version_of(body) < version_of(known):
            return False
        body["metadata"].pop("managedFields", None)
        self._pipelines[key] = body
        self._bases[Key(key.namespace, names.base(key.name))] = key
        return known is None or _intent(known) != _intent(body)

    def drop_pipeline(self, key: Key, uid: str = "") -> bool:
        """Forget a pipeline, unless a namesake with another uid has taken its place."""
        known = self._pipelines.get(key)
        if known is not None and uid and known["metadata"]["uid"] != uid:
            return False
        self._pipelines.pop(key, None)
        self._watched.pop(key, None)
        self._bases.pop(Key(key.namespace, names.base(key.name)), None)
        return known is not None

    def pipeline(self, key: Key) -> Manifest | None:
        return self._pipelines.get(key)

    def uid(self, key: Key) -> str:
        """The uid of a pipeline; empty if there is none."""
        body = self._pipelines.get(key)
        return str(body["metadata"]["uid"]) if body is not None else ""

    def pipelines(self) -> Iterator[tuple[Key, Manifest]]:
        yield from list(self._pipelines.items())

    def watched_version(self, key: Key) -> int:
        """The newest version of a pipeline that the watch itself has brought."""
        return self._watched.get(key, 0)

    # Children

    def put_child(self, manifest: Manifest) -> Key | None:
        """Keep a child; return its pipeline if something changed that a reconcile must see."""
        found = child(manifest)
        key = self._pipeline_of(found, manifest)
        if key is None:
            return None
        siblings = self._children.setdefault(key, {})
        known = siblings.get(found.ref)
        if known is not None and known.uid == found.uid and found.version < known.version:
            return None
        siblings[found.ref] = found
        return None if known is not None and _facts(known) == _facts(found) else key

    def drop_child(self, manifest: Manifest) -> Key | None:
        """Forget a child that is gone; return its pipeline if it was known."""
        found = child(manifest)
        key = self._pipeline_of(found, manifest)
        if key is None:
            return None
        siblings = self._children.get(key, {})
        known = siblings.get(found.ref)
        if known is None or known.uid != found.uid or found.version < known.version:
            return None
        del siblings[found.ref]
        if not siblings:
            self._children.pop(key, None)
        return key

    def forget_child(self, key: Key, ref: ChildRef) -> None:
        """Forget a child that a request did not find."""
        self._children.get(key, {}).pop(ref, None)

    def children(self, key: Key) -> Mapping[ChildRef, Child]:
        return self._children.get(key, {})

    def replace_children(
        self, kind: Kind, namespace: str | None, manifests: Iterable[Manifest]
    ) -> set[Key]:
        """Take a full list of a kind as the truth; return the pipelines that it changes.

        Args:
            kind: what was listed.
            namespace: where, None for everywhere.
            manifests: all there are.
        """
        changed, listed = self.put_children(manifests)
        return changed | self.drop_unlisted(kind, namespace, listed)

    def put_children(self, manifests: Iterable[Manifest]) -> tuple[set[Key], set[Place]]:
        """Keep a part of a list; return the pipelines that it changes, and what is in it."""
        changed: set[Key] = set()
        listed: set[Place] = set()
        for manifest in manifests:
            found = child(manifest)
            owner = self._pipeline_of(found, manifest)
            if owner is not None:
                listed.add((owner, found.ref))
            key = self.put_child(manifest)
            if key is not None:
                changed.add(key)
        return changed, listed

    def drop_unlisted(self, kind: Kind, namespace: str | None, listed: set[Place]) -> set[Key]:
        """Forget what a full list of a kind did not show; return the pipelines that it changes."""
        changed: set[Key] = set()
        for key, siblings in list(self._children.items()):
            if namespace not in (None, key.namespace):
                continue
            for ref in [ref for ref in siblings if ref.kind == kind.kind]:
                if (key, ref) not in listed:
                    del siblings[ref]
                    changed.add(key)
        return changed

    def _pipeline_of(self, found: Child, manifest: Manifest) -> Key | None:
        if found.owner_name:
            return Key(found.namespace, found.owner_name)
        instance = (manifest["metadata"].get("labels") or {}).get(names.LABEL_INSTANCE, "")
        return self._bases.get(Key(found.namespace, instance))


def key_of(body: Manifest) -> Key:
    """The key of a pipeline."""
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


def _intent(body: Manifest) -> tuple[object, ...]:
    meta = body["metadata"]
    return (
        meta.get("uid"),
        meta.get("generation"),
        "deletionTimestamp" in meta,
        names.intent(meta.get("annotations") or {}),
    )


def _facts(known: Child) -> tuple[object, ...]:
    return (known.uid, known.fingerprint, known.replicas, known.deleting, known.status)
