"""Who is measured: the Go baselines and our pods in their configurations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Pick = Literal["random", "pinned"]
"""The pod of a request: any at random, or the same one for all of a connection."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The Go service.

    Attributes:
        mode: where it reads windows.
        pipeline: samples that a worker takes to Redis in one trip.
    """

    name: str
    mode: Literal["redis", "memory"]
    pipeline: int

    @property
    def state(self) -> str:
        """Which filled Redis it starts from."""
        return "go"


@dataclass(frozen=True, slots=True)
class Ours:
    """Pods of one pipeline.

    Attributes:
        method: of detection.
        fast_path: with the front protocol.
        pods: how many.
        cluster: state in a Redis Cluster instead of a single Redis.
        cache_bytes: memory for cached blocks; 0 for the default.
    """

    name: str
    method: Literal["Fused", "ZScore"]
    fast_path: bool = False
    pods: int = 1
    pick: Pick = "random"
    cluster: bool = False
    cache_bytes: int = 0

    @property
    def state(self) -> str:
        """Which filled Redis it starts from."""
        return self.method


Variant = Peer | Ours

GO = Peer("Go", "redis", 1)
"""The baseline: the window in Redis, one sample a trip, acknowledged after Redis has answered."""
GO_MEMORY = Peer("Go, windows in memory, 512 a trip", "memory", 512)
"""The stronger baseline. It keeps no state that two instances could share."""

FUSED = Ours("ours, Fused", "Fused")
ZSCORE = Ours("ours, ZScore", "ZScore")
FRONT = Ours("ours, Fused, front protocol", "Fused", fast_path=True)


OVERFLOW = Ours("ours, Fused, cache for a few series only", "Fused", cache_bytes=4 * 2**20)
"""Room for 1100 series: with 10,000 in turn, each is read from Redis before every commit."""


def several(pods: int, pick: Pick, *, cluster: bool = False) -> Ours:
    """So many pods, for the question how they scale."""
    how = {"random": "chosen at random", "pinned": "with affinity"}[pick]
    name = f"{pods} pods, {how}" if pods > 1 else "1 pod"
    return Ours(name + (", Cluster" if cluster else ""), "Fused", False, pods, pick, cluster)
