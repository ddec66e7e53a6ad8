"""Reads Gateways, from whose listeners and addresses the endpoint of an HTTPRoute follows.

Called by `reconcile` for pipelines with an HTTPRoute. One Gateway serves many pipelines, so each is
read once in a while for all of them. Where it may not be read, nothing is known of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from anomaly_operator import kinds
from anomaly_operator.cluster import Cluster
from anomaly_operator.errors import ApiError
from anomaly_operator.listeners import Gateway, gateway

log = logging.getLogger(__name__)

KEPT_SECONDS = 30.0


class Gateways:
    """Reads Gateways, each at most once in KEPT_SECONDS."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Gateway | None]] = {}

    async def of(self, parent: Mapping[str, Any], namespace: str) -> Gateway | None:
        """The Gateway that a parentRef of a route in a namespace names, if it can be read."""
        place = (parent.get("namespace") or namespace, parent["name"])
        found = self._known.get(place)
        now = self._clock()
        if found is None or now - found[0] >= KEPT_SECONDS:
            found = self._known[place] = (now, await self._read(*place))
        return found[1]

    async def _read(self, namespace: str, name: str) -> Gateway | None:
        try:
            live = await self._cluster.get(kinds.GATEWAY, namespace, name)
        except ApiError as error:
            if error.transient:
                raise
            log.info("Gateway %s/%s: %s", namespace, name, error)
            return None
        return gateway(live) if live is not None else None
