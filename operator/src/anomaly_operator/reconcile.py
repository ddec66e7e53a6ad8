"""The loop: parse -> desired -> apply -> prune -> observe -> conditions -> status, if changed.

Called by the work queue for every reason alike. Level-triggered: it never asks what happened,
only what is wanted and what is. It keeps no state of its own in the resource.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from anomaly_dataplane.contract import runtime
from anomaly_operator import (
    desired,
    events,
    farewell,
    inventory,
    kinds,
    names,
    observe,
    plan,
    spec,
    status,
)
from anomaly_operator.apply import (
    Applied,
    Applier,
    Outcome,
    OwnedByOther,
    check_owner,
    reason_of,
)
from anomaly_operator.cluster import Cluster
from anomaly_operator.desired import redis
from anomaly_operator.errors import ApiError, InvalidSpec, Retry
from anomaly_operator.events import Happening
from anomaly_operator.farewell import Farewell
from anomaly_operator.gateways import Gateways
from anomaly_operator.inventory import Child, ChildRef, Inventory, Key
from anomaly_operator.kinds import Kind
from anomaly_operator.listeners import Gateway
from anomaly_operator.lookup import Lookup
from anomaly_operator.observe import Failure, Observed, Pods, Surroundings
from anomaly_operator.settings import Settings
from anomaly_operator.spec import Pipeline
from anomaly_operator.stats import Stats, StatsReader
from anomaly_operator.status import route
from anomaly_operator.status.conditions import Type, Verdict, find
from anomaly_operator.status.reasons import Reason
from anomaly_operator.telemetry import Telemetry

Manifest = dict[str, Any]
log = logging.getLogger(__name__)

SETTLING_SECONDS = 5.0
"""Until the next look at a pipeline that is not ready; pods tell no watch of ours why they wait."""
PODS_SECONDS = 4.0
"""Between two looks at the pods of a pipeline: a little less than between two looks at itself."""
CREDENTIALS_SECONDS = 15.0
"""Between two looks at the password while pods that need it do not get ready."""
PATIENCE_SECONDS = 120.0
"""After so long not ready, the looks become three times rarer."""
FIGURES_SECONDS = 60.0
"""Figures in the status change at most so often."""
AT_REST = frozenset({Reason.SUSPENDED, Reason.PAUSED, Reason.PLANNED})
"""Not ready because somebody wants it so."""
STATS_WAIT_SECONDS = 0.1
"""How long a reconcile waits for a pipeline to tell its figures."""
STATS_KEPT = 3
"""Polls that may fail in a row before the last answer counts for nothing."""


@dataclass(slots=True)
class Memory:
    """What is remembered of one pipeline between two looks; losing it costs only requests."""

    uid: str
    pipeline: Pipeline | None = None
    parsed_from: tuple[object, ...] = ()
    applied: Applied = field(default_factory=dict)
    credentials: str = ""
    credentials_checked: float = float("-inf")
    stats: Stats | None = None
    stats_asked: float = float("-inf")
    stats_missed: int = 0
    asking: asyncio.Future[Stats | None] | None = None
    rate_from: tuple[float, int] | None = None
    samples_per_second: float | None = None
    figures_written: float = float("-inf")
    not_ready_since: float | None = None
    scale: int | None = None
    pods: Pods = field(default_factory=Pods)
    pods_seen: float = float("-inf")


class Reconciler:
    """Brings pipelines to what their resources say, one call at a time for each."""

    def __init__(
        self,
        cluster: Cluster,
        known: Inventory,
        stats: StatsReader,
        settings: Settings,
        telemetry: Telemetry,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
        new_password: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    ) -> None:
        self._cluster = cluster
        self._inventory = known
        self._stats = stats
        self._settings = settings
        self._telemetry = telemetry
        self._clock = clock
        self._wall_clock = wall_clock
        self._jitter = jitter
        self._new_password = new_password
        self._applier = Applier(cluster, known)
        self._gateways = Gateways(cluster, clock)
        self._lookup = Lookup(cluster, clock)
        self._farewell = Farewell(cluster, settings.purge_seconds, clock, wall_clock, self._tell)
        self._memories: dict[Key, Memory] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Do one pipeline; return in how many seconds to look again, None when it is gone.

        Raises:
            Retry: if the API server did not take something just now.
        """
        with self._telemetry.duration.time():
            try:
                again = await self._reconcile(key)
            except (Retry, ApiError) as error:
                reason = error.reason or "ApiUnavailable"
                self._telemetry.reconciles.labels("retry").inc()
                self._telemetry.errors.labels(reason).inc()
                raise
            except Exception:
                self._telemetry.reconciles.labels("error").inc()
                self._telemetry.errors.labels("Bug").inc()
                raise
            self._telemetry.reconciles.labels("done").inc()
            self._telemetry.last_success.set(self._wall_clock().timestamp())
            return again

    async def _reconcile(self, key: Key) -> float | None:
        body = self._inventory.pipeline(key)
        if body is None or "deletionTimestamp" in body["metadata"]:
            self._memories.pop(key, None)
            return None if body is None else await self._leave(key, body)
        memory = self._memory(key, body["metadata"]["uid"])
        try:
            pipeline = self._parse(body, memory)
        except InvalidSpec as error:
            await self._publish(key, body, self._invalid(body, error))
            return float(self._settings.resync_seconds)

        served = frozenset(
            [kind for kind in desired.optional(pipeline) if await self._cluster.serves(kind)]
        )
        gateway = await self._gateway(pipeline, served)
        around = Surroundings(self._inventory.children(key), served, gateway)
        pipeline = spec.at_address(pipeline, route.public_url(pipeline, around))
        outcome = Outcome()
        planned = _asks(body, names.ANNOTATION_PLAN)
        paused = planned or _asks(body, names.ANNOTATION_PAUSED)
        if not paused and await self._hold(body, pipeline, outcome):
            await self._bring_about(key, pipeline, memory, outcome, served)

        observed = await self._observe(key, pipeline, memory, outcome, around)
        if paused:
            observed = replace(
                observed, paused=True, planned=planned, applied_before=_applied_before(body)
            )
        now = self._clock()
        fresh = now - memory.figures_written >= FIGURES_SECONDS
        before = body.get("status") or {}
        after = status.compute(pipeline, observed, before, fresh_figures=fresh)
        if any(before.get(name) != after.get(name) for name in status.FIGURES):
            memory.figures_written = now
        if planned:
            after["plan"] = plan.status(await plan.changes(self._cluster, pipeline))
        await self._publish(key, body, after)
        await self._tell_of_scaling(body, memory, observed)
        if outcome.retries:
            raise outcome.retries[0]
        return self._next_look(memory, after)

    async def _hold(self, body: Manifest, pipeline: Pipeline, outcome: Outcome) -> bool:
        """Before a pod can write anything: see that it is removed if that is asked for."""
        ref = ChildRef(names.KIND, pipeline.name)
        try:
            live = await self._farewell.hold(body, pipeline)
        except ApiError as error:
            if error.transient:
                outcome.retries.append(Retry("ApiUnavailable", error.message))
                return False
            outcome.failures.append(Failure(ref, reason_of(error), error.message))
            return True
        if live is not None:
            self._inventory.put_pipeline(live, watched=False)
        return True

    async def _leave(self, key: Key, body: Manifest) -> float | None:
        """See a pipeline off that is being deleted; the garbage collector does most of it."""
        if not farewell.held(body):
            return None
        generation, before = body["metadata"].get("generation", 0), body.get("status") or {}
        try:
            pipeline = spec.parse(body, self._settings)
        except InvalidSpec as error:
            text = f"The state stays in Redis: the spec cannot be used: {error}"
            await self._farewell.let_go(body, Happening("Warning", "PurgeFailed", text))
            return None
        if not pipeline.purges:
            await self._farewell.call_off(body, pipeline)
            return None
        waiting = await self._farewell.step(body, pipeline)
        if not waiting:
            return None
        after = status.purging(waiting, generation, before, self._wall_clock())
        await self._publish(key, body, after)
        return farewell.STEP_SECONDS

    async def _bring_about(
        self,
        key: Key,
        pipeline: Pipeline,
        memory: Memory,
        outcome: Outcome,
        served: frozenset[Kind],
    ) -> None:
        """Make the objects what they should be."""
        await self._check_credentials(pipeline, memory, outcome)
        if outcome.retries:
            return  # nothing may start with the password of a deleted namesake
        objects = desired.objects(pipeline, served=served, redis_credentials=memory.credentials)
        applied = await self._applier.apply(key, pipeline, objects, memory.applied)
        outcome.failures += applied.failures
        outcome.retries += applied.retries
        await self._applier.prune(key, pipeline, _refs(pipeline, objects, served), outcome)

    def _memory(self, key: Key, uid: str) -> Memory:
        memory = self._memories.get(key)
        if memory is None or memory.uid != uid:
            memory = self._memories[key] = Memory(uid)
        return memory

    def _parse(self, body: Manifest, memory: Memory) -> Pipeline:
        generation = body["metadata"].get("generation", 0)
        source = (generation, names.intent(body["metadata"].get("annotations") or {}))
        if memory.pipeline is None or memory.parsed_from != source:
            memory.pipeline = spec.parse(body, self._settings)
            memory.parsed_from = source
        return memory.pipeline

    def _invalid(self, body: Manifest, error: InvalidSpec) -> status.Status:
        generation = body["metadata"].get("generation", 0)
        return status.invalid(error, generation, body.get("status") or {}, self._wall_clock())

    # The managed Redis' password

    async def _check_credentials(
        self, pipeline: Pipeline, memory: Memory, outcome: Outcome
    ) -> None:
        """Make the password Secret once; look now and then whether it is still there.

        Secrets are not watched, because that would take the right to list all of them.
        """
        if pipeline.redis.managed is None:
            return
        now = self._clock()
        ref = ChildRef(kinds.SECRET.kind, names.redis(pipeline.name))
        children = self._inventory.children(Key(pipeline.namespace, pipeline.name))
        workload = children.get(ChildRef(kinds.DEPLOYMENT.kind, names.dataplane(pipeline.name)))
        starting = workload is not None and not observe.all_ready(workload)
        store = children.get(ChildRef(kinds.STATEFUL_SET.kind, ref.name))
        rest: float = self._settings.resync_seconds
        if memory.not_ready_since is None and starting:
            rest = SETTLING_SECONDS
        elif memory.not_ready_since is not None and (
            observe.noticed(workload) or observe.noticed(store)
        ):
            rest = CREDENTIALS_SECONDS
        if memory.credentials and now - memory.credentials_checked < rest:
            return
        try:
            live = await self._secret(pipeline, ref.name, first=store is None)
        except ApiError as error:
            if error.transient:
                raise
            text = f"the managed Redis has no password: {error.message}"
            outcome.failures.append(Failure(ref, Reason.FORBIDDEN, text))
            return
        try:
            check_owner(pipeline, inventory.child(live))
        except OwnedByOther as foreign:
            outcome.failures.append(foreign.failure(ref))
            return
        except Retry as retry:
            outcome.retries.append(retry)
            return
        if not redis.complete(live):
            text = "lacks the keys password and redis.conf; delete it to have it made anew"
            outcome.failures.append(Failure(ref, Reason.CREDENTIALS_INCOMPLETE, text))
        memory.credentials = redis.credentials(live)
        memory.credentials_checked = now

    async def _secret(self, pipeline: Pipeline, name: str, *, first: bool) -> Manifest:
        """The Secret, made if there is none; with `first`, there most likely is none."""
        wanted = redis.secret(pipeline, self._new_password())
        if first:
            try:
                return await self._cluster.create(wanted)
            except ApiError as error:
                if error.code != 409:
                    raise
        live = await self._cluster.get(kinds.SECRET, pipeline.namespace, name)
        if live is None:
            log.info("creating Secret %s", name)
            live = await self._cluster.create(wanted)
        return live

    # Observing

    async def _observe(
        self,
        key: Key,
        pipeline: Pipeline,
        memory: Memory,
        outcome: Outcome,
        around: Surroundings,
    ) -> Observed:
        children = dict(self._inventory.children(key))
        workload = children.get(ChildRef(kinds.DEPLOYMENT.kind, names.dataplane(key.name)))
        pods = await self._pods(key, pipeline, memory, children)
        ready = observe.ready_replicas(workload)
        await self._ask_stats(memory, self._where_to_ask(key, pipeline, ready, pods.address))
        return Observed(
            children=children,
            failures=tuple(outcome.failures),
            pending=str(outcome.retries[0]) if outcome.retries else "",
            dataplane_trouble=pods.dataplane_trouble,
            redis_trouble=pods.redis_trouble,
            stats=memory.stats,
            samples_per_second=memory.samples_per_second,
            served=around.served,
            gateway=around.gateway,
            now=self._wall_clock(),
            missing=await self._lookup.missing(pipeline, around.served),
        )

    async def _gateway(self, pipeline: Pipeline, served: frozenset[Kind]) -> Gateway | None:
        if not pipeline.expose.http_route or kinds.HTTP_ROUTE not in served:
            return None
        return await self._gateways.of(pipeline.expose.parent_refs[0], pipeline.namespace)

    async def _pods(
        self, key: Key, pipeline: Pipeline, memory: Memory, children: Mapping[ChildRef, Child]
    ) -> Pods:
        """What the pods tell, which are listed only while something is not ready.

        Never before their controllers know what is wanted, and not at every event of a rollout:
        the next look comes soon enough.
        """
        workload = children.get(ChildRef(kinds.DEPLOYMENT.kind, names.dataplane(key.name)))
        store = children.get(ChildRef(kinds.STATEFUL_SET.kind, names.redis(key.name)))
        starting = workload is not None and not (
            observe.rolled_out(workload)
            and observe.ready_replicas(workload) >= pipeline.min_pods
            and not pipeline.token_secret  # whose pods are asked directly
        )
        starting = starting and observe.noticed(workload)
        redis_starting = (
            pipeline.redis.managed is not None
            and observe.noticed(store)
            and not observe.redis_ready(store)
        )
        if not redis_starting and (pipeline.suspend or not starting):
            memory.pods_seen = float("-inf")
            return Pods()
        now = self._clock()
        if now - memory.pods_seen >= PODS_SECONDS:
            selector = names.selector_text(names.pipeline_selector(key.name))
            found = await self._cluster.select(kinds.POD, key.namespace, selector)
            memory.pods = observe.pods(found)
            memory.pods_seen = now
        return memory.pods

    def _where_to_ask(
        self, key: Key, pipeline: Pipeline, ready: int, pod: str
    ) -> tuple[str, int] | None:
        """The Service; or, since it reaches ready pods only, a pod that runs without being it.

        Where a token is asked for, always a pod: its admin port answers without.
        """
        if not ready or pipeline.token_secret:
            return (pod, runtime.ADMIN_PORT) if pod else None
        ref = ChildRef(kinds.SERVICE.kind, names.dataplane(key.name))
        front = self._inventory.children(key).get(ref)
        if front is None or not front.cluster_ip:
            return None
        return front.cluster_ip, pipeline.expose.service_port

    async def _ask_stats(self, memory: Memory, address: tuple[str, int] | None) -> None:
        if address is None:
            memory.stats = None
            return
        now = self._clock()
        settled = memory.not_ready_since is None
        rest = self._settings.stats_seconds if settled else SETTLING_SECONDS
        if memory.asking is None and now - memory.stats_asked < rest * 0.85:
            return
        if memory.asking is None:
            memory.stats_asked = now
            memory.asking = asyncio.ensure_future(self._stats.read(*address))
        # Pods that do not answer must not hold up the objects of others: what comes later than
        # this counts at the next look.
        await asyncio.wait({memory.asking}, timeout=STATS_WAIT_SECONDS)
        if not memory.asking.done():
            return
        stats = memory.asking.result()
        memory.asking = None
        if stats is None:
            memory.stats_missed += 1
            if memory.stats_missed >= STATS_KEPT:
                memory.stats = None
            return
        memory.stats_missed = 0
        memory.stats = stats
        if not stats.redis_up:  # nothing is taken, and what was taken before cannot be told
            memory.rate_from, memory.samples_per_second = None, 0.0
            return
        if memory.rate_from is None or stats.samples < memory.rate_from[1]:
            memory.rate_from = (now, stats.samples)
        elif now - memory.rate_from[0] >= self._settings.stats_seconds * 0.85:
            seconds = now - memory.rate_from[0]
            memory.samples_per_second = (stats.samples - memory.rate_from[1]) / seconds
            memory.rate_from = (now, stats.samples)

    # Status

    async def _publish(self, key: Key, body: Manifest, after: Mapping[str, Any]) -> None:
        before = body.get("status") or {}
        if before == after:
            return
        patch = {**{name: None for name in before if name not in after}, **after}
        uid = body["metadata"]["uid"]
        try:
            live = await self._cluster.patch_status(key.namespace, key.name, uid, patch)
        except ApiError as error:
            if error.code == 404 or (error.code == 409 and not error.conflict_of_fields):
                return  # gone, or a namesake by now: the watch will tell
            raise
        self._inventory.put_pipeline(live, watched=False)
        await self._post(body, events.transitions(before, after))

    async def _tell_of_scaling(self, body: Manifest, memory: Memory, observed: Observed) -> None:
        workload = observed.child(kinds.DEPLOYMENT, names.dataplane(body["metadata"]["name"]))
        wanted = workload.replicas if workload is not None else None
        await self._post(body, events.scaled(memory.scale, wanted))
        memory.scale = wanted

    async def _tell(self, body: Manifest, happening: Happening) -> None:
        await self._post(body, [happening])

    async def _post(self, body: Manifest, happenings: Iterable[events.Happening]) -> None:
        for happening in happenings:
            log.info("%s: %s", happening.reason, happening.message)
            try:
                await self._cluster.create(events.manifest(body, happening, self._wall_clock()))
            except ApiError as error:
                log.warning("event not posted: %s", error)

    def _next_look(self, memory: Memory, after: Mapping[str, Any]) -> float:
        ready = find(after["conditions"], Type.READY)
        now = self._clock()
        spread = 0.9 + 0.2 * self._jitter()
        if ready is not None and (ready["status"] == "True" or ready["reason"] in AT_REST):
            memory.not_ready_since = None
            return self._settings.stats_seconds * spread
        if memory.not_ready_since is None:
            memory.not_ready_since = now
        patient = now - memory.not_ready_since > PATIENCE_SECONDS
        return SETTLING_SECONDS * (3 if patient else 1) * spread


def _asks(body: Manifest, annotation: str) -> bool:
    annotations = body["metadata"].get("annotations") or {}
    return str(annotations.get(annotation, "")).lower() == "true"


def _applied_before(body: Manifest) -> Verdict | None:
    """What the status says of the objects, unless that is about an older spec."""
    before = find((body.get("status") or {}).get("conditions") or (), Type.APPLIED)
    if before is None or before["reason"] not in set(Reason):
        return None
    if before.get("observedGeneration") != body["metadata"].get("generation", 0):
        return None
    if before["reason"] == Reason.PAUSED:
        return None
    return Verdict(before["status"], Reason(before["reason"]), before["message"])


def _refs(pipeline: Pipeline, objects: list[Manifest], served: frozenset[Kind]) -> set[ChildRef]:
    """What not to prune. An API that is away for a moment is no reason to delete its objects."""
    if served < desired.optional(pipeline):
        objects = desired.objects(pipeline, served=kinds.OPTIONAL, redis_credentials="")
    return {ChildRef(each["kind"], each["metadata"]["name"]) for each in objects}
