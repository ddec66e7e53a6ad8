"""`anomaly-operator run`: puts the parts together and keeps them going until a signal comes.

Composition only; called by `__main__`.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from functools import partial

import aiohttp
import kopf
from kopf._cogs.structs.references import Insights

from anomaly_operator import cluster, handlers, health, kinds, leader, logs, names, watchers
from anomaly_operator.errors import ApiError
from anomaly_operator.inventory import Inventory, Key
from anomaly_operator.leader import Elector
from anomaly_operator.optional import OptionalApis
from anomaly_operator.reconcile import Reconciler
from anomaly_operator.resync import Resync
from anomaly_operator.settings import Settings
from anomaly_operator.stats import HttpStats
from anomaly_operator.telemetry import Telemetry
from anomaly_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

CRD_SECONDS = 2.0
"""Between two looks for our own CRD, where it is not installed yet."""


async def run(settings: Settings) -> None:
    """Run the operator.

    Raises:
        Exception: whatever ends one of its parts; the process must be started anew then.
    """
    known = Inventory()
    telemetry = Telemetry()
    who = leader.identity()
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(
            cluster.connect(settings, telemetry.count_request, who=who)
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        reconciler = Reconciler(api, known, HttpStats(session), settings, telemetry)

        async def work(key: Key) -> float | None:
            logs.pipeline_var.set(logs.Subject(*key, known.uid(key)))
            return await reconciler.reconcile(key)

        queue: WorkQueue[Key] = WorkQueue(work)
        resync = Resync(api, known, settings, queue.add)
        ready = asyncio.Event()
        leads = asyncio.Event()
        telemetry.watch(known, queue.depth, queue.age, resync.watch_age, leads.is_set)
        await stack.enter_async_context(
            health.serve(
                settings.bind,
                settings.http_port,
                telemetry.text,
                lambda: resync.deaf() if leads.is_set() else "",
                lambda: ready.is_set() or not leads.is_set(),
            )
        )
        elector = await _lead(settings, api, who)
        parts = set() if elector is None else {asyncio.create_task(elector.hold(), name="Lease")}
        leads.set()
        try:
            namespaces = await _first_lists(settings, api, resync)
            await _together(settings, namespaces, api, known, queue, resync, ready, parts)
        finally:
            leads.clear()
            if elector is not None:
                await elector.release()


async def _lead(settings: Settings, api: cluster.KubeCluster, who: str) -> Elector | None:
    """Wait until this process is the one that acts; None where it is the only one."""
    if not settings.lease:
        return None
    namespace, _, name = settings.lease.partition("/")
    elector = Elector(api, namespace, name, who, settings.lease_seconds)
    await elector.acquire()
    api.fence(elector.seconds_left)
    return elector


async def _first_lists(
    settings: Settings, api: cluster.KubeCluster, resync: Resync
) -> tuple[str, ...]:
    """Learn of the children that exist; an API server that is away is waited for, and our CRD.

    Returns the namespaces to watch. One that we may not list would end kopf as a whole; it is left
    to the resync, and watched after the restart that its first change leads to.
    """
    while True:
        resync.begin()  # no watch runs yet that could be deaf
        try:
            if not await api.serves(kinds.PIPELINE, believed=0):
                # kopf would look for it when it appears, but once only, and maybe too early.
                log.warning("waiting for the CRD %s.%s", names.PLURAL, names.GROUP)
                await asyncio.sleep(CRD_SECONDS)
                continue
            await resync.full()
            found = await resync.open_namespaces()
        except ApiError as error:
            log.warning("waiting for the API server: %s", error)
        else:
            if found or not settings.watch_namespaces:
                return found
            log.warning("waiting for the right to list pipelines in any of the namespaces")
        await asyncio.sleep(5)


async def _together(
    settings: Settings,
    namespaces: tuple[str, ...],
    api: cluster.KubeCluster,
    known: Inventory,
    queue: WorkQueue[Key],
    resync: Resync,
    ready: asyncio.Event,
    parts: set[asyncio.Task[None]],
) -> None:
    insights = Insights()
    watch = partial(handlers.watch, insights)
    optional = OptionalApis(api, watch, resync.api_changed, resync.hurry)
    parts |= {
        asyncio.create_task(queue.run(settings.workers), name="work queue"),
        asyncio.create_task(resync.run(), name="resync"),
        asyncio.create_task(watchers.guard(), name="guard of the watches"),
        asyncio.create_task(optional.run(), name="optional APIs"),
        asyncio.create_task(
            kopf.operator(
                registry=handlers.registry(known, queue, resync.hurry),
                settings=handlers.kopf_settings(settings),
                insights=insights,
                standalone=True,
                clusterwide=not namespaces,
                namespaces=namespaces,
                ready_flag=ready,
            ),
            name="kopf",
        ),
    }
    log.info("serving %s", ", ".join(namespaces) or "all namespaces")
    try:
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in done:
            log.info("%s has ended", part.get_name())
            part.result()
    finally:
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
