"""Optional APIs come and go: what is installed late is watched, and every pipeline is told.

Started by `run`, beside kopf. Cluster-wide, kopf looks for an API when its CRD changes, which may
be a moment before the API server serves it, and then never again; in a namespaced install it may
not watch CRDs at all. A kind without a watch would be healed at the next full list only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from anomaly_operator import kinds, watchers
from anomaly_operator.cluster import Cluster
from anomaly_operator.errors import ApiError
from anomaly_operator.kinds import Kind

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
ABSENT_SECONDS = 20.0
"""Between two questions whether an API is there by now, where no watch of kopf's tells."""
PATIENT_LOOKS = 3
"""So long kopf may take to begin a watch by itself."""


class OptionalApis:
    """Compares which optional kinds are served with which are watched."""

    def __init__(
        self,
        cluster: Cluster,
        watch: Callable[[Kind], Awaitable[None]],
        changed: Callable[[Kind, bool], Awaitable[None]],
        began: Callable[[], None],
        *,
        names: Callable[[], Iterable[str]] = watchers.running,
    ) -> None:
        """Args:
        cluster: tells what is served.
        watch: makes kopf watch a kind.
        changed: is told when an API appears or goes.
        began: is called when a watch has begun: what went before it did, nobody has seen.
        names: of the watches that run.
        """
        self._cluster = cluster
        self._watch = watch
        self._changed = changed
        self._began = began
        self._names = names
        self._watched: set[Kind] = set()
        self._served: dict[Kind, bool] = {}
        self._unwatched: dict[Kind, int] = {}

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except ApiError as error:
                log.warning("optional APIs: %s", error)

    async def look(self) -> None:
        """Look once; most of the time that takes no request.

        Raises:
            ApiError: if the API server does not answer.
        """
        names = list(self._names())
        for kind in sorted(kinds.OPTIONAL, key=lambda each: each.plural):
            await self._look_at(kind, watchers.watched(kind, names))

    async def _look_at(self, kind: Kind, watched: bool) -> None:
        if watched != (kind in self._watched):
            served = await self._cluster.serves(kind, believed=0)
            self._watched ^= {kind}
            if watched:
                self._began()
        else:
            served = await self._cluster.serves(kind, believed=ABSENT_SECONDS)
        if served is not self._served.get(kind, served):
            log.info("the API of %s is %s", kind.plural, "there now" if served else "gone")
            await self._changed(kind, served)
        self._served[kind] = served
        looks = 0 if watched or not served else self._unwatched.get(kind, 0) + 1
        self._unwatched[kind] = looks
        if looks > PATIENT_LOOKS and await self._cluster.serves(kind, believed=0):
            log.info("watching %s", kind.plural)
            self._unwatched[kind] = 0
            await self._watch(kind)
