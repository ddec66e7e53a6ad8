"""What exists now -> frozen Observed: the only reads that status is made from.

Called by `reconcile` after the apply. Most facts come from the inventory; pods are listed only
while something is not ready, and the pipeline is asked for its figures only now and then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from anomaly_operator import names
from anomaly_operator.inventory import Child, ChildRef
from anomaly_operator.kinds import Kind
from anomaly_operator.listeners import Gateway
from anomaly_operator.references import Reference
from anomaly_operator.stats import Stats
from anomaly_operator.status.reasons import Reason

if TYPE_CHECKING:
    from anomaly_operator.status.conditions import Verdict

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a pod does not get ready."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A child that could not be applied."""

    ref: ChildRef
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The objects of a pipeline, and what of the cluster they depend on."""

    children: Mapping[ChildRef, Child]
    served: frozenset[Kind]
    """The optional kinds that the cluster knows."""
    gateway: Gateway | None
    """The Gateway of an HTTPRoute, where it can be read."""

    def child(self, kind: Kind, name: str) -> Child | None:
        return self.children.get(ChildRef(kind.kind, name))


@dataclass(frozen=True, slots=True)
class Observed(Surroundings):
    """The facts from which the conditions follow."""

    failures: tuple[Failure, ...]
    pending: str
    """Why something could not be applied just now, though it may be in a moment; else empty."""
    dataplane_trouble: Trouble | None
    redis_trouble: Trouble | None
    stats: Stats | None
    samples_per_second: float | None
    now: datetime
    paused: bool = False
    """Whether the objects are left alone."""
    missing: tuple[Reference, ...] = ()
    """What the spec names, and does not exist."""
    planned: bool = False
    """Whether they are, because only a plan is asked for."""
    applied_before: Verdict | None = None
    """While paused: what was known of them when that began, if the spec is still the same."""


@dataclass(frozen=True, slots=True)
class Pods:
    """What is kept of a look at a pipeline's pods."""

    dataplane_trouble: Trouble | None = None
    redis_trouble: Trouble | None = None
    address: str = ""
    """Of a data-plane pod that runs, ready or not; empty if there is none."""


def pods(found: Iterable[Manifest]) -> Pods:
    """Reduce the pods of a pipeline, of all of its components, to the facts that are kept."""
    by_component: dict[str, list[Manifest]] = {names.DATAPLANE: [], names.REDIS: []}
    for pod in found:
        component = (pod["metadata"].get("labels") or {}).get(names.LABEL_COMPONENT, "")
        by_component.setdefault(component, []).append(pod)
    return Pods(
        dataplane_trouble=trouble(by_component[names.DATAPLANE]),
        redis_trouble=trouble(by_component[names.REDIS]),
        address=running_pod(by_component[names.DATAPLANE]),
    )


def trouble(pods: Iterable[Manifest]) -> Trouble | None:
    """The worst reason for which any of the pods waits; its message is stable over retries."""
    found = [
        reason
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        for reason in _of_pod(pod)
    ]
    return min(found, key=lambda each: _SEVERITY.index(each.reason), default=None)


def running_pod(pods: Iterable[Manifest]) -> str:
    """The address of a pod whose container runs, ready or not; empty if there is none."""
    for pod in pods:
        status = pod.get("status") or {}
        states = [each.get("state") or {} for each in status.get("containerStatuses") or ()]
        if "deletionTimestamp" not in pod["metadata"] and any("running" in s for s in states):
            return str(status.get("podIP") or "")
    return ""


_SEVERITY = (
    Reason.INVALID_IMAGE_NAME,
    Reason.IMAGE_PULL_BACK_OFF,
    Reason.CONTAINER_CONFIG_ERROR,
    Reason.OUT_OF_MEMORY,
    Reason.CRASH_LOOP_BACK_OFF,
    Reason.UNSCHEDULABLE,
)


def _of_pod(pod: Manifest) -> Iterable[Trouble]:
    status = pod.get("status") or {}
    name = pod["metadata"]["name"]
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            why = condition.get("message", "")
            yield Trouble(Reason.UNSCHEDULABLE, f"No node takes pod {name}: {why}")
    for container in status.get("containerStatuses") or ():
        if not container.get("ready"):
            found = _of_container(container)
            if found is not None:
                yield found


def _of_container(container: Manifest) -> Trouble | None:
    name, image = container["name"], container.get("image", "")
    waiting = (container.get("state") or {}).get("waiting") or {}
    why, detail = waiting.get("reason", ""), waiting.get("message", "")
    if why == "InvalidImageName":
        return Trouble(Reason.INVALID_IMAGE_NAME, f'"{image}" is not the name of an image')
    if why in ("ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "ImageInspectError"):
        cause = detail.rpartition("ErrImagePull: ")[2]
        cause = "" if cause.startswith("Back-off") else f": {cause}"
        return Trouble(Reason.IMAGE_PULL_BACK_OFF, f'Image "{image}" cannot be pulled{cause}')
    if why in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
        text = f"Container {name} cannot start: {detail}"
        return Trouble(Reason.CONTAINER_CONFIG_ERROR, text)
    state = container.get("state") or {}
    last = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
    if not last or (not container.get("restartCount") and not state.get("terminated")):
        return None
    if last.get("reason") == "OOMKilled":
        text = f"Container {name} was killed for using more memory than its limit"
        return Trouble(Reason.OUT_OF_MEMORY, text)
    text = f"Container {name} exits with code {last.get('exitCode')}; see its log with --previous"
    return Trouble(Reason.CRASH_LOOP_BACK_OFF, text)


def noticed(workload: Child | None) -> bool:
    """Whether its controller has seen the newest template; before that its pods tell nothing."""
    return workload is not None and (
        workload.status.get("observedGeneration", 0) >= workload.generation
    )


def rolled_out(workload: Child) -> bool:
    """Whether every pod of a Deployment is of its newest template."""
    status = workload.status
    return bool(
        status.get("observedGeneration", 0) >= workload.generation
        and status.get("replicas", 0) > 0
        and status.get("updatedReplicas", 0) == status.get("replicas", 0)
    )


def all_ready(workload: Child) -> bool:
    """Whether no pod of a workload is still starting, or waits for something."""
    return ready_replicas(workload) >= int(workload.status.get("replicas", 0))


def ready_replicas(workload: Child | None) -> int:
    """Pods of a workload that are ready."""
    return int(workload.status.get("readyReplicas", 0)) if workload is not None else 0


def redis_ready(stateful_set: Child | None) -> bool:
    """Whether the managed Redis answers its probe, with its newest settings."""
    if stateful_set is None:
        return False
    status = stateful_set.status
    current = status.get("observedGeneration", 0) >= stateful_set.generation
    return bool(current and status.get("readyReplicas", 0) >= 1)


def selector(cr_name: str, component: str) -> str:
    """The label selector of a component's pods, as text."""
    return names.selector_text(names.selector(cr_name, component))
