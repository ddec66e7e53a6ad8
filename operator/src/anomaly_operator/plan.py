"""What a reconcile would change, by a dry run on the API server: nothing is written.

Called by `reconcile` for pipelines that ask for it by annotation, and by `anomaly-operator plan`.
"""

from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anomaly_dataplane.contract import runtime
from anomaly_operator import cluster, desired, inventory, kinds, names, render, spec
from anomaly_operator.apply import OwnedByOther, check_owner, unchangeable
from anomaly_operator.cluster import Cluster
from anomaly_operator.desired import redis
from anomaly_operator.errors import ApiError, Retry
from anomaly_operator.inventory import ChildRef
from anomaly_operator.settings import Settings
from anomaly_operator.spec import Pipeline

Manifest = dict[str, Any]

CREATE, CHANGE, DELETE, REFUSED = "Create", "Change", "Delete", "Refused"
SHOWN_CHANGES = 50
SHOWN_CHARACTERS = 4000
_BOOKKEEPING = frozenset(
    {"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"}
)


@dataclass(frozen=True, slots=True)
class Change:
    """What would happen to one object."""

    action: str
    object: str
    diff: str


async def changes(api: Cluster, pipeline: Pipeline) -> list[Change]:
    """What would happen to each object that is not as wanted; the others are left out."""
    served = frozenset([kind for kind in kinds.OPTIONAL if await api.serves(kind)])
    found: list[Change] = []
    credentials = ""
    if pipeline.redis.managed is not None:
        name = names.redis(pipeline.name)
        live = await api.get(kinds.SECRET, pipeline.namespace, name)
        if live is None:
            found.append(Change(CREATE, f"{kinds.SECRET.kind} {name}", "with a new password"))
            credentials = render.CREDENTIALS
        else:
            credentials = redis.credentials(live)
    objects = desired.objects(pipeline, served=served, redis_credentials=credentials)
    for manifest in objects:
        change = await _change(api, pipeline, manifest)
        if change is not None:
            found.append(change)
    keep = {ChildRef(each["kind"], each["metadata"]["name"]) for each in objects}
    return found + await _deletions(api, pipeline, keep)


async def _change(api: Cluster, pipeline: Pipeline, manifest: Manifest) -> Change | None:
    kind = kinds.of(manifest)
    meta = manifest["metadata"]
    label = f"{kind.kind} {meta['name']}"
    live = await api.get(kind, meta["namespace"], meta["name"])
    try:
        if live is not None:
            known = inventory.child(live)
            check_owner(pipeline, known)
            manifest = unchangeable(manifest, known)
        result = await api.apply(manifest, dry_run=True)
    except OwnedByOther as foreign:
        return Change(REFUSED, label, f"exists and belongs to {foreign.owner}")
    except Retry as retry:
        return Change(REFUSED, label, str(retry))
    except ApiError as error:
        if error.transient:
            raise
        return Change(REFUSED, label, error.message)
    if live is None:
        return Change(CREATE, label, _diff(None, result, label))
    difference = _diff(live, result, label)
    return Change(CHANGE, label, difference) if difference else None


async def _deletions(api: Cluster, pipeline: Pipeline, keep: Collection[ChildRef]) -> list[Change]:
    instance = f"{names.LABEL_INSTANCE}={names.base(pipeline.name)}"
    found = []
    for kind in kinds.CHILDREN:
        if kind in kinds.OPTIONAL and not await api.serves(kind):
            continue
        selector = f"{names.MANAGED_SELECTOR},{instance}"
        for live in await api.select(kind, pipeline.namespace, selector):
            child = inventory.child(live)
            if child.ref not in keep and child.owner_uid == pipeline.uid and not child.deleting:
                found.append(Change(DELETE, f"{kind.kind} {child.name}", ""))
    return found


def summary(found: Collection[Change]) -> str:
    """One line for all of it."""
    counts = [(action, sum(1 for each in found if each.action == action)) for action in _WORDS]
    parts = [f"{count} {_WORDS[action]}" for action, count in counts if count]
    return ", ".join(parts) or "nothing to change"


_WORDS = {
    CREATE: "to create",
    CHANGE: "to change",
    DELETE: "to delete",
    REFUSED: "would be refused",
}


def status(found: list[Change]) -> Manifest:
    """The plan as a pipeline's status shows it, of bounded size."""
    shown = [
        {"action": each.action, "object": each.object, "diff": each.diff[:SHOWN_CHARACTERS]}
        for each in found[:SHOWN_CHANGES]
    ]
    return {"summary": summary(found), "changes": shown}


def _diff(live: Manifest | None, result: Manifest, label: str) -> str:
    before = [] if live is None else render.to_yaml([_bare(live)]).splitlines()[1:]
    after = render.to_yaml([_bare(result)]).splitlines()[1:]
    lines = difflib.unified_diff(
        before, after, f"{label} (live)", f"{label} (wanted)", lineterm="", n=2
    )
    return "\n".join(lines)


def _bare(manifest: Mapping[str, Any]) -> Manifest:
    """An object without status and bookkeeping, its keys in order."""
    meta = {k: v for k, v in manifest["metadata"].items() if k not in _BOOKKEEPING}
    kept = {k: v for k, v in manifest.items() if k not in ("status", "metadata")}
    return dict(sorted({**kept, "metadata": dict(sorted(meta.items()))}.items()))


# The command


def of_file(path: Path, namespace: str, settings: Settings) -> list[tuple[Pipeline, list[Change]]]:
    """The plans of the pipelines in a file, on the cluster of the kubeconfig.

    Raises:
        Unreadable: if there is none in it.
        InvalidSpec: naming every field that cannot be used.
        ApiError: if no API server can be found, or it refuses the look at what exists.
    """
    return asyncio.run(_of_file(path, namespace, settings))


async def _of_file(
    path: Path, namespace: str, settings: Settings
) -> list[tuple[Pipeline, list[Change]]]:
    bodies = list(render.resources(path, namespace))
    for body in bodies:
        spec.parse(body, settings)  # what is wrong with the file needs no cluster to be told
    found = []
    async with cluster.connect(settings) as api:
        for body in bodies:
            meta = body["metadata"]
            live = await api.get(kinds.PIPELINE, meta["namespace"], meta["name"])
            if live is not None:
                meta["uid"] = live["metadata"]["uid"]
                meta["annotations"] = {
                    **(live["metadata"].get("annotations") or {}),
                    **(meta.get("annotations") or {}),
                }
            pipeline = await _at_address(api, spec.parse(body, settings))
            found.append((pipeline, await changes(api, pipeline)))
    return found


async def _at_address(api: Cluster, pipeline: Pipeline) -> Pipeline:
    """With the address that its pods were told, which only a reconcile finds out."""
    live = await api.get(kinds.CONFIG_MAP, pipeline.namespace, names.config(pipeline.name))
    text = ((live or {}).get("data") or {}).get(runtime.CONFIG_FILE, "{}")
    try:
        document = json.loads(text)
    except ValueError:  # somebody else's, or edited by hand: the plan shows what becomes of it
        return pipeline
    url = document.get("publicUrl") if isinstance(document, dict) else None
    return spec.at_address(pipeline, url if isinstance(url, str) else "")
