"""`anomaly-operator let-go`: without an operator no pipeline shall wait for one to be deleted.

Called by `__main__`; the chart runs it in a Job once the operator is uninstalled. It takes the
finalizer of `deletionPolicy: Delete` off every pipeline of this operator, and changes nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from anomaly_operator import farewell, inventory, kinds, names
from anomaly_operator.cluster import Cluster, Manifest
from anomaly_operator.errors import ApiError
from anomaly_operator.settings import Settings

log = logging.getLogger(__name__)

LOOKS = 2
"""So often in a row none may be found: an operator that is ending may have set one just before."""
PAUSE_SECONDS = 2.0
TRIES = 20
"""Errors and conflicts that are put up with."""


async def let_go(
    cluster: Cluster,
    settings: Settings,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> int:
    """Take the finalizers off; return how many there were.

    Raises:
        ApiError: if the API server refuses it for good.
    """
    done = looks = 0
    for _ in range(TRIES):
        try:
            held = [body for body in await _pipelines(cluster, settings) if farewell.held(body)]
            for body in held:
                await cluster.set_finalizers(body, farewell.others(body))
                log.info("let go %s; its keys stay in Redis", inventory.key_of(body))
                done += 1
        except ApiError as error:
            if not error.transient and error.code not in (404, 409):  # gone, or changed meanwhile
                raise
            log.warning("will try again: %s", error)
            looks = 0
        else:
            looks = 0 if held else looks + 1
            if looks == LOOKS:
                return done
        await sleep(PAUSE_SECONDS)
    raise ApiError(0, f"pipelines are still held after {TRIES} tries")


async def _pipelines(cluster: Cluster, settings: Settings) -> list[Manifest]:
    """Those of this operator; none where the CRD is gone."""
    selector = names.pipelines_selector(settings.instance)
    found: list[Manifest] = []
    for namespace in settings.watch_namespaces or (None,):
        try:
            found += await cluster.select(kinds.PIPELINE, namespace, selector)
        except ApiError as error:
            if error.code != 404:
                raise
    return found
