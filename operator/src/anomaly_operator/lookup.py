"""Looks whether what a spec names exists.

Called by `reconcile`. Only metadata is asked for: what is in a Secret is for the pods. Where the
operator may not look, nothing is claimed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from anomaly_operator import kinds
from anomaly_operator.cluster import Cluster
from anomaly_operator.errors import ApiError
from anomaly_operator.kinds import Kind
from anomaly_operator.references import Reference, named
from anomaly_operator.spec import Pipeline

log = logging.getLogger(__name__)

FOUND_SECONDS = 60.0
"""How long what was there is believed to be."""
MISSING_SECONDS = 4.0
"""How long what was not there is believed to be missing; shorter than between two looks."""


class Lookup:
    """Asks once in a while, for all the pipelines that name the same."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._clock = clock
        self._known: dict[tuple[Kind, str | None, str], tuple[float, bool]] = {}

    async def missing(self, pipeline: Pipeline, served: frozenset[Kind]) -> tuple[Reference, ...]:
        """Those that certainly do not exist; an API that is not installed is told elsewhere."""
        return tuple(
            [
                each
                for each in named(pipeline)
                if (each.kind is not kinds.GATEWAY or kinds.HTTP_ROUTE in served)
                and not await self._exists(each)
            ]
        )

    async def _exists(self, reference: Reference) -> bool:
        place = (reference.kind, reference.namespace, reference.name)
        now = self._clock()
        when, found = self._known.get(place, (float("-inf"), False))
        if now - when >= (FOUND_SECONDS if found else MISSING_SECONDS):
            found = await self._look(*place)
            self._known[place] = (now, found)
        return found

    async def _look(self, kind: Kind, namespace: str | None, name: str) -> bool:
        try:
            return await self._cluster.exists(kind, namespace, name)
        except ApiError as error:
            if error.transient:
                raise
            log.info("%s %s: %s", kind.kind, name, error)
            return True
