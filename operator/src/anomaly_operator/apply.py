"""Bring the children to what is desired: apply what differs, prune what is no longer wanted.

Called by `reconcile`. It touches only what belongs to the pipeline, never waits, and turns each
refusal into a Failure for the status. What was applied and has not changed since costs nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator import fieldowners, inventory, kinds, names
from anomaly_operator.cluster import Cluster
from anomaly_operator.errors import ApiError, Retry
from anomaly_operator.inventory import Child, ChildRef, Inventory, Key
from anomaly_operator.observe import Failure
from anomaly_operator.spec import Pipeline
from anomaly_operator.status.reasons import Reason

Manifest = dict[str, Any]
log = logging.getLogger(__name__)

Applied = dict[ChildRef, tuple[str, str]]
"""Per child: digest of what was applied, fingerprint of what the API server made of it."""


COLLECTED_SECONDS = 5.0
"""Between two looks at something that is on its way out: its end may come without an event."""


_POD_MANAGEMENT = "podManagementPolicy"
"""Of a StatefulSet; older ones have another, with which a broken pod is replaced by hand."""


@dataclass(slots=True)
class Outcome:
    """What became of one pass over the children."""

    failures: list[Failure] = field(default_factory=list)
    retries: list[Retry] = field(default_factory=list)


class Applier:
    """Applies and prunes the children of pipelines."""

    def __init__(self, cluster: Cluster, known: Inventory) -> None:
        self._cluster = cluster
        self._inventory = known

    async def apply(
        self, key: Key, pipeline: Pipeline, desired: Iterable[Manifest], applied: Applied
    ) -> Outcome:
        """Apply each object that differs from what was applied last; `applied` is kept up."""
        outcome = Outcome()
        for manifest in desired:
            ref = ChildRef(manifest["kind"], manifest["metadata"]["name"])
            try:
                await self._apply_one(key, pipeline, ref, manifest, applied)
            except ApiError as error:
                if error.code != 404 or kinds.of(manifest) not in kinds.OPTIONAL:
                    _sort(outcome, ref, error)  # else: its API was uninstalled a moment ago
            except Retry as retry:
                outcome.retries.append(retry)
            except OwnedByOther as foreign:
                outcome.failures.append(foreign.failure(ref))
        return outcome

    async def prune(
        self, key: Key, pipeline: Pipeline, keep: set[ChildRef], outcome: Outcome
    ) -> None:
        """Delete the children that are ours and no longer wanted."""
        for ref, child in list(self._inventory.children(key).items()):
            if ref in keep or child.owner_uid != pipeline.uid or child.deleting:
                continue
            log.info("deleting %s %s, which is no longer wanted", ref.kind, ref.name)
            try:
                await self._cluster.delete(child.kind, key.namespace, ref.name, child.uid)
            except ApiError as error:
                _sort(outcome, ref, error)
            else:
                self._inventory.forget_child(key, ref)

    async def _apply_one(
        self,
        key: Key,
        pipeline: Pipeline,
        ref: ChildRef,
        manifest: Manifest,
        applied: Applied,
    ) -> None:
        known = self._known(key, pipeline, ref)
        if known is not None:
            manifest = unchangeable(manifest, known)
        wanted = inventory.digest(manifest)
        if known is not None and _settled(manifest, known, applied.get(ref), wanted):
            return
        log.info("applying %s %s", ref.kind, ref.name)
        applied.pop(ref, None)
        if known is None:
            live = await self._create(key, pipeline, manifest)
        else:
            live = await self._change(key, pipeline, manifest, known)
        self._inventory.put_child(live)
        applied[ref] = (wanted, inventory.fingerprint(live))

    def _known(self, key: Key, pipeline: Pipeline, ref: ChildRef) -> Child | None:
        """The child as watches and lists have it, if it is ours to touch."""
        known = self._inventory.children(key).get(ref)
        if known is None:
            return None
        try:
            check_owner(pipeline, known)
        except (OwnedByOther, Retry):
            # Before this holds us up, make sure that the watch has missed no deletion.
            self._inventory.forget_child(key, ref)
            return None
        return known

    async def _create(self, key: Key, pipeline: Pipeline, manifest: Manifest) -> Manifest:
        """Apply what most likely does not exist; what stands there is looked at first.

        Raises:
            OwnedByOther: if somebody else has it.
            Retry: if it is on its way out.
        """
        try:
            return await self._cluster.apply(manifest, new=True)
        except ApiError as error:
            if error.code != 409:
                raise
            kind = kinds.of(manifest)
            live = await self._cluster.get(kind, key.namespace, manifest["metadata"]["name"])
            if live is None:
                raise  # gone by now: the next try will do
        known = inventory.child(live)
        check_owner(pipeline, known)
        return await self._change(key, pipeline, unchangeable(manifest, known), known)

    async def _change(
        self, key: Key, pipeline: Pipeline, manifest: Manifest, known: Child
    ) -> Manifest:
        """Apply over what is ours already."""
        if _lets_go_of_replicas(manifest, known):
            await self._hand_off_replicas(manifest, max(known.replicas or 0, pipeline.min_pods))
        try:
            return await self._cluster.apply(manifest)
        except ApiError as error:
            if error.code != 422 or not await self._take_over(key, manifest):
                raise
        return await self._cluster.apply(manifest)

    async def _take_over(self, key: Key, manifest: Manifest) -> bool:
        """Own what others have put into the spec, so that the next apply takes it away.

        An apply leaves the fields of other managers in place; where they contradict ours (a port
        that somebody has renumbered) the API server refuses the sum of both, and healing would
        end here.
        """
        name = manifest["metadata"]["name"]
        live = await self._cluster.get(kinds.of(manifest), key.namespace, name)
        if live is None:
            return False
        entries = live["metadata"].get("managedFields") or []
        taken = fieldowners.take_over(entries)
        if taken == entries:
            return False
        log.info("taking over the fields of %s %s that others have set", manifest["kind"], name)
        await self._cluster.set_managed_fields(live, taken)
        return True

    async def _hand_off_replicas(self, manifest: Manifest, replicas: int) -> None:
        """Let another manager hold `replicas`, lest dropping the field resets it to 1."""
        meta = manifest["metadata"]
        held = {
            "apiVersion": manifest["apiVersion"],
            "kind": manifest["kind"],
            "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
            "spec": {"replicas": replicas},  # an autoscaler leaves 0, of a suspended one, alone
        }
        await self._cluster.apply(held, manager=names.HANDOFF_MANAGER)


class OwnedByOther(Exception):
    """An object of a child's name belongs to somebody else."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner

    def failure(self, ref: ChildRef) -> Failure:
        """What the status shows."""
        text = f"exists and belongs to {self.owner}; rename or remove it"
        return Failure(ref, Reason.OWNERSHIP_CONFLICT, text)


def check_owner(pipeline: Pipeline, known: Child) -> None:
    """Pass what is ours or was left to us.

    Raises:
        OwnedByOther: if somebody else has it.
        Retry: if it is on its way out.
    """
    if known.owner_uid == pipeline.uid:
        if known.deleting:
            raise _leaving("ChildDeleting", known, "is being deleted")
        return
    if known.owner_uid and known.owner_name == pipeline.name:
        # A pipeline of the same name that was deleted; the garbage collector is on its way.
        raise _leaving("ChildOfPredecessor", known, "is being collected")
    if known.owner_uid:
        raise OwnedByOther(f"another object (owner {known.owner_name or known.owner_uid})")
    if not known.ours:
        raise OwnedByOther("somebody else (it carries no label of this operator)")


def _leaving(reason: str, known: Child, how: str) -> Retry:
    return Retry(reason, f"{known.kind.kind} {known.name} {how}", at_most=COLLECTED_SECONDS)


def unchangeable(manifest: Manifest, known: Child) -> Manifest:
    """The manifest without what a live object was made without, and cannot get any more."""
    if not known.ordered:
        return manifest
    spec = {name: value for name, value in manifest["spec"].items() if name != _POD_MANAGEMENT}
    return {**manifest, "spec": spec}


def _settled(manifest: Manifest, known: Child, record: tuple[str, str] | None, wanted: str) -> bool:
    replicas = (manifest.get("spec") or {}).get("replicas")
    return record == (wanted, known.fingerprint) and replicas in (None, known.replicas)


def _lets_go_of_replicas(manifest: Manifest, known: Child) -> bool:
    is_workload = manifest["kind"] == kinds.DEPLOYMENT.kind
    return is_workload and known.owns_replicas and "replicas" not in manifest["spec"]


def _sort(outcome: Outcome, ref: ChildRef, error: ApiError) -> None:
    if error.transient:
        text = f"{ref.kind} {ref.name}: {error.message}"
        outcome.retries.append(Retry("ApiUnavailable", text, retry_after=error.retry_after))
    else:
        outcome.failures.append(Failure(ref, reason_of(error), error.message))


def reason_of(error: ApiError) -> Reason:
    """The reason that the status shows for a refusal."""
    text = error.message
    if error.code == 403:
        if "is being terminated" in text:
            return Reason.NAMESPACE_TERMINATING
        if "exceeded quota" in text:
            return Reason.QUOTA_EXCEEDED
        if "denied the request" in text:
            return Reason.REJECTED
        return Reason.FORBIDDEN
    if error.code == 422 and ("immutable" in text or "updates to statefulset spec" in text):
        return Reason.IMMUTABLE_FIELD
    if error.code == 422 and "Only one reference can have Controller set to true" in text:
        return Reason.OWNERSHIP_CONFLICT
    return Reason.REJECTED
