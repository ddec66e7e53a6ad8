"""A cluster in memory: enough of the API server's manners for tests of the loop."""

from __future__ import annotations

import copy
import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Any

from anomaly_operator import kinds, names
from anomaly_operator.errors import ApiError
from anomaly_operator.kinds import Kind

Manifest = dict[str, Any]
Place = tuple[str, str, str]


class FakeCluster:
    """Keeps objects, counts requests, and fails on demand."""

    def __init__(self) -> None:
        self.objects: dict[Place, Manifest] = {}
        self.requests: list[tuple[str, str, str]] = []
        """Verb, resource and name of every request, in order."""
        self.events: list[Manifest] = []
        self.absent: set[Kind] = set()
        """Optional kinds that this cluster does not know."""
        self.closed: set[str] = set()
        """Namespaces in which nothing may be listed."""
        self.failing: dict[tuple[str, str], ApiError] = {}
        """By verb and resource: what to answer instead."""
        self.failing_times: dict[tuple[str, str], int] = {}
        """How often; for ever where it is not said."""
        self._versions = itertools.count(1)
        self._uids = itertools.count(1)

    def put(self, manifest: Manifest) -> Manifest:
        """Store an object as somebody else would, without a request."""
        stored = copy.deepcopy(manifest)
        meta = stored["metadata"]
        meta.setdefault("uid", f"uid-{next(self._uids)}")
        meta["resourceVersion"] = str(next(self._versions))
        self.objects[_place(stored)] = stored
        return copy.deepcopy(stored)

    def find(self, kind: Kind, name: str, namespace: str = "team") -> Manifest | None:
        """An object, without a request."""
        return copy.deepcopy(self.objects.get((kind.kind, namespace, name)))

    def set_status(self, kind: Kind, name: str, status: Mapping[str, Any]) -> Manifest:
        """What a controller of Kubernetes would write into the status."""
        live = self.find(kind, name)
        assert live is not None, f"no {kind.kind} {name}"
        live["status"] = {**live.get("status", {}), **status}
        return self.put(live)

    def remove(self, kind: Kind, name: str, namespace: str = "team") -> Manifest:
        """Delete an object as somebody else would."""
        return self.objects.pop((kind.kind, namespace, name))

    def writes(self) -> list[tuple[str, str, str]]:
        """The requests that change something."""
        return [request for request in self.requests if request[0] not in ("get", "list")]

    # The Cluster Protocol

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        self._request("get", kind.plural, name)
        return self.find(kind, name, namespace)

    async def exists(self, kind: Kind, namespace: str | None, name: str) -> bool:
        self._request("get", kind.plural, name)
        return (kind.kind, namespace or "", name) in self.objects

    async def select(self, kind: Kind, namespace: str | None, selector: str) -> list[Manifest]:
        self._request("list", kind.plural, selector)
        if namespace in self.closed:
            raise ApiError(403, f"{kind.plural} is forbidden in {namespace}")
        return [
            copy.deepcopy(live)
            for (found, where, _), live in self.objects.items()
            if found == kind.kind
            and namespace in (None, where)
            and _matches(selector, live["metadata"].get("labels") or {})
        ]

    async def pages(
        self, kind: Kind, namespace: str | None, selector: str, *, heads: bool = False
    ) -> AsyncIterator[list[Manifest]]:
        for item in await self.select(kind, namespace, selector):
            kept = ("apiVersion", "kind", "metadata")
            yield [{key: item[key] for key in kept} if heads else item]

    async def apply(
        self,
        manifest: Manifest,
        *,
        manager: str = names.FIELD_MANAGER,
        dry_run: bool = False,
        new: bool = False,
    ) -> Manifest:
        assert not dry_run, "dry runs are tested on a real API server"
        kind = kinds.of(manifest)
        self._request("patch", kind.plural, manifest["metadata"]["name"])
        before = self.objects.get(_place(manifest), {})
        if new and before:
            raise ApiError(409, "the object has been modified", reason="Conflict")
        live = _merged(before, manifest)
        meta = live["metadata"]
        if before and before.get("spec") != live.get("spec"):
            meta["generation"] = meta.get("generation", 1) + 1
        meta.setdefault("generation", 1)
        if kind is kinds.DEPLOYMENT:
            live["spec"].setdefault("replicas", 1)
            self._own_replicas(live, manifest, manager)
        if kind is kinds.SERVICE:
            live["spec"].setdefault("clusterIP", "10.0.0.1")
        if before and _without_version(before) == _without_version(live):
            return copy.deepcopy(before)  # an apply that changes nothing makes no version
        return self.put(live)

    async def create(self, manifest: Manifest) -> Manifest:
        if manifest["kind"] == "Event":
            self._request("create", "events", manifest["reason"])
            self.events.append(manifest)
            return manifest
        self._request("create", kinds.of(manifest).plural, manifest["metadata"]["name"])
        if _place(manifest) in self.objects:
            raise ApiError(409, "already exists", reason="AlreadyExists")
        created = {**manifest["metadata"], "creationTimestamp": "2026-01-01T00:00:00Z"}
        return self.put({**manifest, "metadata": created})

    async def replace(self, manifest: Manifest) -> Manifest:
        self._request("update", kinds.of(manifest).plural, manifest["metadata"]["name"])
        live = self.objects.get(_place(manifest))
        if live is None:
            raise ApiError(404, "not found")
        if live["metadata"]["resourceVersion"] != manifest["metadata"]["resourceVersion"]:
            raise ApiError(409, "the object has been modified", reason="Conflict")
        return self.put(manifest)

    async def delete(
        self, kind: Kind, namespace: str, name: str, uid: str, *, propagation: str = "Background"
    ) -> None:
        self._request("delete", kind.plural, name)
        live = self.find(kind, name, namespace)
        if live is not None and live["metadata"]["uid"] == uid:
            self.remove(kind, name, namespace)

    async def patch_status(
        self, namespace: str, name: str, uid: str, status: Mapping[str, Any]
    ) -> Manifest:
        self._request("patch", f"{kinds.PIPELINE.plural}/status", name)
        live = self.find(kinds.PIPELINE, name, namespace)
        if live is None:
            raise ApiError(404, "not found")
        merged = {**(live.get("status") or {}), **status}
        live["status"] = {key: value for key, value in merged.items() if value is not None}
        return self.put(live)

    async def set_finalizers(self, body: Manifest, finalizers: list[str]) -> Manifest:
        name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
        self._request("patch", kinds.PIPELINE.plural, name)
        live = self.find(kinds.PIPELINE, name, namespace)
        if live is None:
            raise ApiError(404, "not found")
        if live["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise ApiError(409, "the object has been modified", reason="Conflict")
        live["metadata"]["finalizers"] = finalizers
        if "deletionTimestamp" in live["metadata"] and not finalizers:
            return self.remove(kinds.PIPELINE, name, namespace)
        return self.put(live)

    async def set_managed_fields(self, live: Manifest, fields: list[Manifest]) -> None:
        self._request("patch", kinds.of(live).plural, live["metadata"]["name"])
        live["metadata"]["managedFields"] = fields
        self.put(live)

    async def serves(self, kind: Kind, *, believed: float = 0) -> bool:
        return kind not in self.absent

    def _request(self, verb: str, resource: str, name: str) -> None:
        self.requests.append((verb, resource, name))
        error = self.failing.get((verb, resource))
        left = self.failing_times.get((verb, resource), 1)
        if error is not None and left > 0:
            if (verb, resource) in self.failing_times:
                self.failing_times[verb, resource] -= 1
            raise error

    def _own_replicas(self, live: Manifest, applied: Manifest, manager: str) -> None:
        entries = [
            entry
            for entry in live["metadata"].get("managedFields", [])
            if entry["manager"] != manager
        ]
        if "replicas" in applied["spec"]:
            fields: Manifest = {"f:spec": {"f:replicas": {}}}
            entries.append({"manager": manager, "operation": "Apply", "fieldsV1": fields})
        live["metadata"]["managedFields"] = entries


def _matches(selector: str, labels: Mapping[str, str]) -> bool:
    for part in filter(None, selector.split(",")):
        name, unequal, value = part.partition("!=")
        if unequal:
            holds = labels.get(name) != value
        elif part.startswith("!"):
            holds = part[1:] not in labels
        else:
            name, _, value = part.partition("=")
            holds = labels.get(name) == value
        if not holds:
            return False
    return True


def _place(manifest: Manifest) -> Place:
    meta = manifest["metadata"]
    return (manifest["kind"], meta.get("namespace", ""), meta["name"])


def _merged(before: Any, after: Any) -> Any:
    """Maps are merged, everything else is replaced, as server-side apply does in the main."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return {
            **copy.deepcopy(dict(before)),
            **{key: _merged(before.get(key), value) for key, value in after.items()},
        }
    return copy.deepcopy(after)


def _without_version(manifest: Manifest) -> Manifest:
    meta = {k: v for k, v in manifest["metadata"].items() if k != "resourceVersion"}
    return {**manifest, "metadata": meta}
