"""The net under the watches: list everything now and then, and notice when the watch is deaf.

Runs beside kopf, started by `__main__`. Before kopf starts it fills the inventory, so that the
first reconciles need not ask for each child.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator

from anomaly_operator import kinds, names
from anomaly_operator.cluster import Cluster
from anomaly_operator.errors import ApiError
from anomaly_operator.inventory import Inventory, Key, Manifest, Place, key_of, version_of
from anomaly_operator.kinds import Kind
from anomaly_operator.settings import Settings

log = logging.getLogger(__name__)

PROBE_SECONDS = 30.0
"""Between two looks at whether the watch has brought what a list shows."""
HURRY_SECONDS = 3.0
"""Between a watch's new beginning and the full list that it leads to."""


class Resync:
    """Lists, compares, and asks for a reconcile of what differs."""

    def __init__(
        self,
        cluster: Cluster,
        known: Inventory,
        settings: Settings,
        enqueue: Callable[[Key], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._cluster = cluster
        self._inventory = known
        self._settings = settings
        self._enqueue = enqueue
        self._clock = clock
        self._jitter = jitter
        self._current = clock()
        self._unseen: dict[Key, tuple[int, float]] = {}
        self._next_full = float("-inf")
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """List everything soon: a watch began anew, and does not tell what went meanwhile."""
        self._next_full = float("-inf")
        self._hurry.set()

    def begin(self) -> None:
        """From now on the watch is taken to be at work."""
        self._current = self._clock()

    def watch_age(self) -> float:
        """Seconds since the watch was last known to miss nothing."""
        return self._clock() - self._current

    def deaf(self) -> str:
        """Why the watch must be taken for deaf, or an empty string."""
        now = self._clock()
        for key, (_, since) in self._unseen.items():
            if now - since > self._settings.deaf_seconds:
                return f"a change of {key} was not seen for {now - since:.0f} s"
        limit = 2 * self._settings.deaf_seconds + PROBE_SECONDS
        if self.watch_age() > limit:
            return f"the watch was not known to be sound for {self.watch_age():.0f} s"
        return ""

    async def open_namespaces(self) -> tuple[str, ...]:
        """Those of the namespaces to serve in which we may list pipelines."""
        wanted = self._settings.watch_namespaces
        return tuple(
            [each for each in wanted if await self._pipelines(each, heads=True) is not None]
        )

    async def run(self) -> None:
        """Probe and resync until cancelled."""
        while True:
            await self._rest()
            try:
                if self._clock() >= self._next_full:
                    await self.full()
                await self.probe()
            except ApiError as error:
                log.warning("resync: %s", error)

    async def _rest(self) -> None:
        seconds = PROBE_SECONDS * (0.9 + 0.2 * self._jitter())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)
            await asyncio.sleep(HURRY_SECONDS)  # more watches begin anew at the same time
        self._hurry.clear()

    async def full(self) -> None:
        """List every kind of child and take the lists as the truth."""
        await self._relist(kinds.CHILDREN)
        seconds = self._settings.resync_seconds * (0.9 + 0.2 * self._jitter())
        self._next_full = self._clock() + seconds

    async def api_changed(self, kind: Kind, served: bool) -> None:
        """An optional API has come or gone: what is left of it is listed, each pipeline done."""
        if not served:
            for namespace in self._namespaces():
                self._inventory.drop_unlisted(kind, namespace, set())
        for key, _ in self._inventory.pipelines():
            self._enqueue(key)

    async def _relist(self, of: Iterable[Kind]) -> None:
        changed: set[Key] = set()
        for kind in of:
            served = kind not in kinds.OPTIONAL or await self._cluster.serves(kind)
            for namespace in self._namespaces():
                changed |= await self._relist_in(kind, namespace, served)
        for key in changed:
            self._enqueue(key)

    async def _relist_in(self, kind: Kind, namespace: str | None, served: bool) -> set[Key]:
        changed: set[Key] = set()
        listed: set[Place] = set()
        if served:
            with _refused(kind, namespace) as refused:
                async for page in self._cluster.pages(kind, namespace, names.MANAGED_SELECTOR):
                    touched, seen = self._inventory.put_children(page)
                    changed |= touched
                    listed |= seen
            if refused:
                return changed
        return changed | self._inventory.drop_unlisted(kind, namespace, listed)

    async def _pipelines(
        self, namespace: str | None, *, heads: bool = False
    ) -> list[Manifest] | None:
        """All pipelines, or None where we are not let in: one namespace never harms the others."""
        selector = names.pipelines_selector(self._settings.instance)
        found: list[Manifest] = []
        with _refused(kinds.PIPELINE, namespace) as refused:
            async for page in self._cluster.pages(kinds.PIPELINE, namespace, selector, heads=heads):
                found += page
        return None if refused else found

    async def probe(self) -> None:
        """List the pipelines; what the watch has not brought is reconciled all the same.

        Their metadata tell whether it has brought everything, and are a tenth of the whole.
        """
        before = self._uids()  # others may be newer than the list
        listed: dict[Key, int] = {}
        closed: set[str | None] = set()
        for namespace in self._namespaces():
            found = await self._pipelines(namespace, heads=True)
            if found is None:
                closed.add(namespace)
                continue
            if any(self._is_news(head) for head in found):
                found = await self._pipelines(namespace) or []
                for body in found:
                    if self._inventory.put_pipeline(body, watched=False):
                        self._enqueue(key_of(body))
            listed |= {key_of(head): version_of(head) for head in found}
        now = self._clock()
        behind = {
            key: version
            for key, version in listed.items()
            if self._inventory.watched_version(key) < version
        }
        for key, body in self._inventory.pipelines():
            uid = body["metadata"]["uid"]
            if key in listed or before.get(key) != uid or closed & {None, key.namespace}:
                continue
            # Deleted, and the watch has not told.
            behind[key] = -1
            self._inventory.drop_pipeline(key, uid)
            self._enqueue(key)
        self._unseen = {
            key: self._still_unseen(key) or (version, now) for key, version in behind.items()
        }
        self._current = min((since for _, since in self._unseen.values()), default=now)

    def _uids(self) -> dict[Key, str]:
        return {key: body["metadata"]["uid"] for key, body in self._inventory.pipelines()}

    def _still_unseen(self, key: Key) -> tuple[int, float] | None:
        """What was missed at an earlier look, unless the watch has brought it since."""
        earlier = self._unseen.get(key)
        if earlier is None or self._inventory.watched_version(key) >= earlier[0] >= 0:
            return None
        return earlier

    def _is_news(self, head: Manifest) -> bool:
        known = self._inventory.pipeline(key_of(head))
        return known is None or version_of(known) < version_of(head)

    def _namespaces(self) -> tuple[str | None, ...]:
        return self._settings.watch_namespaces or (None,)


@contextlib.contextmanager
def _refused(kind: Kind, namespace: str | None) -> Iterator[list[ApiError]]:
    """Note in the list that a request is refused for good; what passes is left to the caller."""
    refused: list[ApiError] = []
    try:
        yield refused
    except ApiError as error:
        if error.transient:
            raise
        log.warning("%s in %s: %s", kind.plural, namespace or "all namespaces", error)
        refused.append(error)
