"""The capacity model: what a sample costs in pods and Redis, by how samples are sent. Pure.

A cost is a sum of shares: a request's is divided by the samples of the request, a group's by those
of the group, a commit is one series of a group however many samples it has, and something is left
for every sample. `fit.py` finds the coefficients, `capacity.py` answers questions with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

COEFFICIENTS = Path(__file__).parent / "coefficients.json"

LARGEST_GROUP = 512
"""workers.maxBatch, samples."""
PARTITIONS = 4
"""redis.partitions; a group takes one call for each partition that it has series of."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How samples arrive.

    Attributes:
        request: samples of a request.
        group: samples that one commit takes.
        commits: of one series each, for a sample: 1 unless a group has several of a series.
    """

    request: float
    group: float
    commits: float

    def calls(self, partitions: int = PARTITIONS) -> float:
        """Calls of Redis for a group: partitions that so many series are expected to hit."""
        series = self.group * self.commits
        missed: float = (1 - 1 / partitions) ** series
        return partitions * (1 - missed)


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU microseconds.

    Attributes:
        request: of the pod for a request by the aiohttp routes.
        fast_request: by the front protocol; None where it was not measured.
        group: of the pod for a group, the wake-up included.
        commit: of the pod for one series of a group.
        sample: of the pod for a sample: parsing, scoring, answering.
        redis_call: of Redis for a call.
        redis_commit: of Redis for one series of a call.
        conflict: of pod and Redis for a series that another pod had been faster with.
        read: of pod and Redis for a series that is not in the pod's cache.
    """

    request: float
    fast_request: float | None
    group: float
    commit: float
    sample: float
    redis_call: float
    redis_commit: float
    conflict: tuple[float, float]
    read: tuple[float, float]

    def pod(self, sending: Sending, *, fast_path: bool = False) -> float:
        """CPU microseconds of the pod for a sample, nothing being read."""
        request = self.fast_request if fast_path and self.fast_request is not None else self.request
        return (
            request / sending.request
            + self.group / sending.group
            + self.commit * sending.commits
            + self.sample
        )

    def redis(self, sending: Sending, partitions: int = PARTITIONS) -> float:
        """CPU microseconds of Redis for a sample, nothing being read."""
        calls = sending.calls(partitions)
        return self.redis_call * calls / sending.group + self.redis_commit * sending.commits


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes, with the default window.

    Attributes:
        block: of a series, as it is read.
        series: memory of Redis for a series: block, name, key.
        outbox: memory of Redis for the anomalies of a partition, once there are many.
        aof_commit: written to the AOF for one series of a call.
        aof_sample: for each of its samples.
        wire_commit: sent to Redis for one series of a call.
        wire_sample: for each of its samples.
        pod: of a pod that has seen nothing.
        pod_series: of a pod for a series that it caches.
    """

    block: float
    series: float
    outbox: float
    aof_commit: float
    aof_sample: float
    wire_commit: float
    wire_sample: float
    pod: float
    pod_series: float


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Of one detection method, and how long its commits take.

    Attributes:
        commit_seconds: of a group of one sample on an idle machine: a pod gathers what arrives
            meanwhile into its next group.
    """

    costs: Costs
    sizes: Sizes
    commit_seconds: float


@dataclass(frozen=True, slots=True)
class Model:
    """Coefficients by detection method, and where they come from."""

    machine: Mapping[str, object]
    methods: Mapping[str, Coefficients]


def load(path: Path = COEFFICIENTS) -> Model:
    """Read a model that `dump` wrote."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    methods = {}
    for name, one in raw["methods"].items():
        costs = {**one["costs"]}
        for pair in ("conflict", "read"):
            costs[pair] = tuple(costs[pair])
        methods[name] = Coefficients(Costs(**costs), Sizes(**one["sizes"]), one["commit_seconds"])
    return Model(raw["machine"], methods)


def dump(model: Model, path: Path = COEFFICIENTS) -> None:
    """Write a model."""
    path.write_text(json.dumps(asdict(model), indent=2) + "\n", encoding="utf-8")
