"""Which of several operators acts: a Lease that one of them holds and renews.

Used by `run`. Who holds it counts its own validity from before each renewal was sent, and for less
long than the others wait, so that the two never overlap; `cluster` asks `seconds_left` before each
write and gives no request more time than that.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from anomaly_operator import kinds, names
from anomaly_operator.cluster import Cluster
from anomaly_operator.errors import ApiError

Manifest = dict[str, Any]
log = logging.getLogger(__name__)

VALID_SHARE = 0.7
"""Of the Lease's duration: how long its holder trusts a renewal."""
RETRY_SHARE = 0.2
"""Of the Lease's duration: between two tries to renew or to take it."""
LONGEST_PAUSE_SECONDS = 5.0
"""Between two tries to take it: a Lease that is released should not lie there for long."""
SLACK_SECONDS = 0.05
"""After the end of another's Lease, so that the try finds it over."""


class LostLease(Exception):
    """Another operator may act by now; this one must end."""


def identity() -> str:
    """A name that no other process has."""
    return f"{socket.gethostname()}_{secrets.token_hex(4)}"


class Elector:
    """One candidate for one Lease."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        who: str,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._who = who
        self._seconds = seconds
        self._clock = clock
        self._wall_clock = wall_clock
        self._valid_until = float("-inf")
        self._live: Manifest | None = None
        self._seen: tuple[str, float] = ("", float("-inf"))

    def seconds_left(self) -> float:
        """How long the Lease is ours for certain; not positive when it may be another's."""
        return self._valid_until - self._clock()

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        told = ""
        while True:
            try:
                if await self.try_once():
                    log.info("leading: %s holds the Lease %s", self._who, self._name)
                    return
                holder = _spec(self._live).get("holderIdentity", "")
                if holder != told:
                    log.info("standing by: %s holds the Lease %s", holder, self._name)
                    told = holder
            except ApiError as error:
                log.warning("Lease %s: %s", self._name, error)
            await asyncio.sleep(self.pause())

    async def hold(self) -> None:
        """Renew the Lease until it is lost.

        Raises:
            LostLease: always, in the end.
        """
        while True:
            await asyncio.sleep(min(self._seconds * RETRY_SHARE, max(self.seconds_left(), 0)))
            try:
                # Twice: a renewal whose answer was lost is a conflict with ourselves.
                if not await self.try_once() and not await self.try_once():
                    raise LostLease("another operator holds the Lease")
            except ApiError as error:
                log.warning("Lease %s: %s", self._name, error)
            if self.seconds_left() <= 0:
                raise LostLease(f"the Lease could not be renewed for {self._seconds:g} s")

    async def release(self) -> None:
        """Let another have the Lease at once, if it is ours."""
        if self.seconds_left() <= 0:
            return
        self._valid_until = float("-inf")
        try:
            for _ in range(2):  # a renewal that was cut off may have come before
                if self._live is None:
                    self._live = await self._read()
                if not self._ours() or await self._written(
                    {**_spec(self._live), "holderIdentity": ""}
                ):
                    return
        except ApiError as error:
            log.warning("Lease %s not released: %s", self._name, error)

    async def try_once(self) -> bool:
        """Take or renew the Lease if nobody else may hold it; tell whether it is ours now."""
        started = self._clock()
        if not self._ours():
            self._live = await self._read()
            if self._live is not None and not self._ours() and not self._free():
                return False
        if not await self._written(self._wanted()):
            return False  # somebody was quicker, or has deleted it
        self._valid_until = started + self._seconds * VALID_SHARE
        return True

    def _ours(self) -> bool:
        return bool(_spec(self._live).get("holderIdentity") == self._who)

    async def _read(self) -> Manifest | None:
        return await self._cluster.get(kinds.LEASE, self._namespace, self._name)

    def _free(self) -> bool:
        """Whether the holder, if any, has had its time: by our clock, since we first saw this."""
        spec = _spec(self._live)
        if not spec.get("holderIdentity"):
            return True
        assert self._live is not None
        version = self._live["metadata"].get("resourceVersion", "")
        now = self._clock()
        if self._seen[0] != version:
            self._seen = (version, now)
            return False
        return now - self._seen[1] > self._duration()

    def pause(self) -> float:
        """Until the next try to take the Lease; the last one comes when its time is just over."""
        pause = min(self._seconds * RETRY_SHARE, LONGEST_PAUSE_SECONDS)
        left = self._seen[1] + self._duration() - self._clock()
        return min(pause, left + SLACK_SECONDS) if left >= 0 else pause

    def _duration(self) -> float:
        return float(_spec(self._live).get("leaseDurationSeconds") or self._seconds)

    def _wanted(self) -> Manifest:
        now = self._wall_clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before = _spec(self._live)
        wanted = {
            **before,
            "holderIdentity": self._who,
            "leaseDurationSeconds": max(1, int(self._seconds)),
            "renewTime": now,
        }
        if before.get("holderIdentity") != self._who:
            wanted["acquireTime"] = now
            wanted["leaseTransitions"] = int(before.get("leaseTransitions") or 0) + 1
        return wanted

    async def _written(self, spec: Manifest) -> bool:
        """Write it over the version we know; if that is not what is there, know none."""
        try:
            await self._write(spec)
        except ApiError as error:
            if error.code not in (404, 409):
                raise
            self._live = None
            return False
        return True

    async def _write(self, spec: Manifest) -> None:
        head = {"apiVersion": kinds.LEASE.api_version, "kind": kinds.LEASE.kind}
        if self._live is None:
            labels = {names.LABEL_PART_OF: names.PART_OF}
            meta = {"name": self._name, "namespace": self._namespace, "labels": labels}
            self._live = await self._cluster.create({**head, "metadata": meta, "spec": spec})
        else:
            meta = self._live["metadata"]
            self._live = await self._cluster.replace({**head, "metadata": meta, "spec": spec})


def _spec(lease: Manifest | None) -> Manifest:
    found: Manifest = (lease or {}).get("spec") or {}
    return found
