"""The end of a pipeline with `deletionPolicy: Delete`: pods away, keys away, finalizer away.

Called by `reconcile`: `hold` while the pipeline lives, `step` once it is being deleted. Each step
asks what is and does what is next, so an operator that starts anew goes on where the last one was.
Nothing here may hold a deletion for longer than the setting `purge_seconds` for the pods and as
long again for the Job; what could not be done is then told by an Event.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from anomaly_operator import inventory, kinds, names, observe
from anomaly_operator.apply import reason_of
from anomaly_operator.cluster import Cluster
from anomaly_operator.desired.purgejob import purge_job
from anomaly_operator.errors import ApiError
from anomaly_operator.events import Happening
from anomaly_operator.inventory import Key
from anomaly_operator.spec import Pipeline
from anomaly_operator.status.reasons import Reason

Manifest = dict[str, Any]
log = logging.getLogger(__name__)

STEP_SECONDS = 2.0
"""Between two looks at what is going away."""
LATE_SECONDS = 30.0
"""Longer than its own deadline no Job is waited for."""


def held(body: Manifest) -> bool:
    """Whether the pipeline may not go before its state is removed."""
    return names.FINALIZER in (body["metadata"].get("finalizers") or ())


class Farewell:
    """Holds pipelines that are to be purged, purges them, and lets them go."""

    def __init__(
        self,
        cluster: Cluster,
        seconds: int,
        clock: Callable[[], float],
        wall_clock: Callable[[], datetime],
        tell: Callable[[Manifest, Happening], Awaitable[None]],
    ) -> None:
        self._cluster = cluster
        self._seconds = seconds
        self._clock = clock
        self._wall_clock = wall_clock
        self._tell = tell
        self._begun: dict[tuple[Key, str], float] = {}

    async def hold(self, body: Manifest, pipeline: Pipeline) -> Manifest | None:
        """Set or take away the finalizer; return the resource if that changed it.

        Raises:
            ApiError: if the API server does not take it.
        """
        if held(body) == pipeline.purges:
            return None
        wanted = others(body)
        if pipeline.purges:
            wanted = [*wanted, names.FINALIZER]
        return await self._cluster.set_finalizers(body, wanted)

    async def let_go(self, body: Manifest, why: Happening | None) -> None:
        """End the wait, whatever was reached."""
        if why is not None:
            await self._tell(body, why)
        meta = body["metadata"]
        self._begun.pop((inventory.key_of(body), meta["uid"]), None)
        try:
            await self._cluster.set_finalizers(body, others(body))
        except ApiError as error:
            if error.code != 404:  # else: somebody has taken it away, and the pipeline is gone
                raise

    async def call_off(self, body: Manifest, pipeline: Pipeline) -> None:
        """Let a pipeline go with its state where it is, since that is wanted by now."""
        name = names.purge(pipeline.name, pipeline.uid)
        job = await self._cluster.get(kinds.JOB, pipeline.namespace, name)
        if job is not None:
            uid = job["metadata"]["uid"]
            await self._cluster.delete(kinds.JOB, pipeline.namespace, name, uid)
        await self.let_go(body, None)

    async def step(self, body: Manifest, pipeline: Pipeline) -> str:
        """Do what is next of a purge; return what is waited for, nothing once it is over.

        Raises:
            ApiError: if the API server did not take something just now.
        """
        key = (inventory.key_of(body), pipeline.uid)
        begun = self._begun.setdefault(key, self._clock())
        job: Manifest | None = None
        try:
            name = names.purge(pipeline.name, pipeline.uid)
            job = await self._cluster.get(kinds.JOB, pipeline.namespace, name)
            if job is not None:
                return await self._look_at(body, pipeline, job)
            waiting = await self._remove_pods(pipeline)
            if not waiting:
                await self._cluster.create(purge_job(pipeline, self._seconds))
                return "The state is being removed from Redis."
        except ApiError as error:
            if error.transient or job is not None:
                raise
            if reason_of(error) is Reason.NAMESPACE_TERMINATING:
                await self.let_go(body, _failed("the namespace is being deleted"))
                return ""
            waiting = f"The state cannot be removed: {error.message}"
        if self._clock() - begun > self._seconds:
            await self.let_go(body, _failed(waiting))
            return ""
        return waiting

    async def _remove_pods(self, pipeline: Pipeline) -> str:
        """End the pods for good: one that still commits would bring keys back."""
        name = names.dataplane(pipeline.name)
        live = await self._cluster.get(kinds.DEPLOYMENT, pipeline.namespace, name)
        if live is not None:
            known = inventory.child(live)
            if known.owner_uid == pipeline.uid:
                if not known.deleting:
                    # In the foreground: it is gone when its last pod is.
                    await self._cluster.delete(
                        known.kind, known.namespace, name, known.uid, propagation="Foreground"
                    )
                return "The pods are stopping, before the state is removed."
        selector = names.selector_text(names.selector(pipeline.name, names.DATAPLANE))
        for pod in await self._cluster.select(kinds.POD, pipeline.namespace, selector):
            if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
                return f"Pod {pod['metadata']['name']} is stopping, before the state is removed."
        return ""

    async def _look_at(self, body: Manifest, pipeline: Pipeline, job: Manifest) -> str:
        """Wait for the Job, and say what has become of it."""
        meta = job["metadata"]
        ended = {
            condition["type"]: condition.get("message", "")
            for condition in (job.get("status") or {}).get("conditions") or ()
            if condition["status"] == "True"
        }
        age = (self._wall_clock() - _moment(meta["creationTimestamp"])).total_seconds()
        over = age > self._seconds + LATE_SECONDS
        told, hindered = await self._pods_of(pipeline)
        if "Complete" in ended:
            happening = Happening("Normal", "Purged", told or "The state was removed from Redis")
        elif "Failed" in ended or over:
            why = told or hindered or ended.get("Failed") or "the Job came to no end"
            happening = _failed(why)
        else:
            return f"The state is being removed from Redis. {hindered}".rstrip()
        log.info("%s: %s", happening.reason, happening.message)
        await self.let_go(body, happening)
        # Last: without it the next look would make another one.
        await self._cluster.delete(kinds.JOB, meta["namespace"], meta["name"], meta["uid"])
        return ""

    async def _pods_of(self, pipeline: Pipeline) -> tuple[str, str]:
        """The last words of the Job's newest pod that ended, and what hinders one that waits."""
        selector = names.selector_text(names.selector(pipeline.name, names.PURGE))
        pods = await self._cluster.select(kinds.POD, pipeline.namespace, selector)
        found = observe.trouble(pods)
        words = [
            (state["terminated"].get("finishedAt") or "", state["terminated"].get("message") or "")
            for pod in pods
            for container in (pod.get("status") or {}).get("containerStatuses") or ()
            if (state := container.get("state") or {}).get("terminated")
        ]
        lines = max(words, default=("", ""))[1].strip().splitlines()
        return lines[-1] if lines else "", found.message if found is not None else ""


def others(body: Manifest) -> list[str]:
    """The finalizers that are not ours."""
    found = body["metadata"].get("finalizers") or ()
    return [each for each in found if each != names.FINALIZER]


def _failed(why: str) -> Happening:
    text = f"The state stays in Redis, see anomaly-dataplane purge: {why}"
    return Happening("Warning", "PurgeFailed", text)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
