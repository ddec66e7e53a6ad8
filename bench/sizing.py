"""How many pods and primaries, how much memory and traffic, by the capacity model. Pure.

`capacity.py` asks; docs/scale.md explains the terms and where the model ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bench.model import LARGEST_GROUP, PARTITIONS, Coefficients, Sending

CACHE_BYTES = 36 * 2**20
"""workers.maxCacheBytes by default."""
MOST_PARTITIONS = 256
MOST_PODS = 1000
DAY_SECONDS = 86_400

JSON_SAMPLE_BYTES = 92
"""Of the load generator's samples: a device, a metric, a time, a value."""
JSON_REQUEST_BYTES = 250
"""Head of a request and its answer."""
GIGABIT = 125_000_000
"""Bytes/s."""
SLOT_BYTES = 16
"""Of a window, for each sample: value and time."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a user has and wants.

    Attributes:
        interval_seconds: between two samples of a series.
        request: samples of a request.
        per_series: of them of the same series.
        affinity: a client always meets the same pod, so that a series does.
        fast_path: with the front protocol.
        window: detection.window.
        partitions: redis.partitions.
        utilisation: of a core, that pods and primaries are planned for.
        primary_bytes: memory that one Redis primary may have.
        cache_bytes: workers.maxCacheBytes.
        least_pods: that are to run at least.
    """

    series: int
    interval_seconds: float
    request: int = 1
    per_series: int = 1
    affinity: bool = False
    fast_path: bool = False
    window: int = 120
    partitions: int = PARTITIONS
    utilisation: float = 0.5
    primary_bytes: int = 16 * 10**9
    cache_bytes: int = CACHE_BYTES
    least_pods: int = 1

    @property
    def rate(self) -> float:
        """Samples/s."""
        return self.series / self.interval_seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What it takes.

    Attributes:
        pod_us, redis_us: CPU microseconds a sample.
        pods, primaries: how many, at the planned utilisation.
        pod_cores, redis_cores: cores that are busy in all of them together.
        stale: share of commits whose series another pod changed since.
        unread: share of commits whose series is not in the pod's cache.
        read_bytes: a second, from Redis to pods.
        wire_bytes: a second, from pods to Redis.
        http_bytes: a second, from clients.
    """

    rate: float
    group: float
    pod_us: float
    redis_us: float
    pods: int
    pod_cores: float
    primaries: int
    redis_cores: float
    redis_bytes: float
    pod_bytes: float
    stale: float
    unread: float
    read_bytes: float
    wire_bytes: float
    http_bytes: float
    aof_bytes_per_day: float


def answer(question: Question, known: Coefficients) -> Answer:
    """The smallest number of pods and primaries that carry it, and what they then do."""
    pods = question.least_pods
    while True:
        found = _with(question, known, pods)
        needed = math.ceil(found.pod_cores / question.utilisation)
        if needed <= pods or pods >= MOST_PODS:
            return found
        # More pods cost more in sum, so never fewer than this; mostly it is it at once.
        pods = min(max(pods + 1, needed), MOST_PODS)


def _with(question: Question, known: Coefficients, pods: int) -> Answer:
    costs, sizes, rate = known.costs, known.sizes, question.rate
    block = _block(question, known)
    unread = _unread(question, block, pods)
    # What is read anyway is not stale.
    stale = 0.0 if question.affinity else (1 - 1 / pods) * (1 - unread)
    sending = Sending(
        request=question.request,
        group=_group(question, known.commit_seconds, pods),
        commits=1 / question.per_series,
    )
    reads = (stale * costs.conflict[0] + unread * costs.read[0]) * sending.commits
    redis_reads = (stale * costs.conflict[1] + unread * costs.read[1]) * sending.commits
    pod_us = costs.pod(sending, fast_path=question.fast_path) + reads
    redis_us = costs.redis(sending, question.partitions) + redis_reads
    redis_cores = rate * redis_us / 1e6
    redis_bytes = (
        question.series * (sizes.series + block - sizes.block) + question.partitions * sizes.outbox
    )
    primaries = max(
        1,
        math.ceil(redis_cores / question.utilisation),
        math.ceil(redis_bytes / question.primary_bytes),
    )
    commits = rate * sending.commits
    seen = question.series / pods if question.affinity else question.series
    cached = min(seen, question.cache_bytes / block)
    return Answer(
        rate=rate,
        group=sending.group,
        pod_us=pod_us,
        redis_us=redis_us,
        pods=pods,
        pod_cores=rate * pod_us / 1e6,
        primaries=primaries,
        redis_cores=redis_cores,
        redis_bytes=redis_bytes,
        pod_bytes=sizes.pod + cached * (sizes.pod_series + block - sizes.block),
        stale=stale,
        unread=unread,
        read_bytes=commits * (stale + unread) * block,
        wire_bytes=commits * (1 + stale) * sizes.wire_commit + rate * sizes.wire_sample,
        http_bytes=rate * (JSON_SAMPLE_BYTES + JSON_REQUEST_BYTES / question.request),
        aof_bytes_per_day=(commits * sizes.aof_commit + rate * sizes.aof_sample) * DAY_SECONDS,
    )


def _block(question: Question, known: Coefficients) -> float:
    return known.sizes.block + SLOT_BYTES * (question.window - 120)


def _unread(question: Question, block: float, pods: int) -> float:
    """Share of commits that must read first: all or none, if series come in turn.

    The cache drops what was not used for longest, which of series that come in turn is the next.
    """
    seen = question.series / pods if question.affinity else question.series
    return 0.0 if seen * block <= question.cache_bytes else 1.0


def _group(question: Question, commit_seconds: float, pods: int) -> float:
    """Samples that one commit takes: a request's, or what arrives during the one before."""
    arriving = question.rate / pods * commit_seconds
    return min(LARGEST_GROUP, max(question.request, arriving))


def warnings(question: Question, found: Answer, known: Coefficients) -> Iterator[str]:
    """What to know about an answer."""
    if found.pods >= MOST_PODS:
        yield f"more than {MOST_PODS} pods: send more samples in a request, or several pipelines"
    if found.primaries > 1:
        yield (
            f"one Redis is not enough: a Cluster of {found.primaries} primaries, and "
            f"redis.partitions {_partitions(found.primaries)} (fixed when the pipeline is created)"
        )
    if found.primaries > MOST_PARTITIONS:
        yield f"more primaries than partitions ({MOST_PARTITIONS}): split it into pipelines"
    if found.unread:
        yield (
            f"a pod meets more series than it caches and reads each before it commits: "
            f"{_gigabits(found.read_bytes)} from Redis; workers.maxCacheBytes "
            f"{_needed_cache(question, found, known) / 2**20:,.0f} Mi would hold them"
            + (", and with affinity a pod meets fewer" if _could_be_pinned(question, found) else "")
        )
    elif found.stale:
        yield (
            f"{found.stale:.0%} of commits start from a stale block, since requests go to any of "
            f"{found.pods} pods: {_gigabits(found.read_bytes)} from Redis; with affinity (a hash "
            "on the client's address at the Ingress) a sample costs "
            f"{_total(question, known, affinity=True):.1f} instead of "
            f"{found.pod_us + found.redis_us:.1f} us"
        )
    if found.read_bytes > GIGABIT / 2:
        yield "reading blocks takes more than half of a gigabit network"
    if question.request == 1 and found.rate > 1000:
        batched = _total(question, known, request=LARGEST_GROUP)
        yield (
            f"one sample a request costs {found.pod_us + found.redis_us:.0f} us a sample; "
            f"in requests of {LARGEST_GROUP} it would cost {batched:.1f}"
        )
    if found.aof_bytes_per_day > 50e9:
        yield (
            f"{found.aof_bytes_per_day / 1e9:.0f} GB of AOF a day before rewriting: no SD card, "
            "and room for twice the memory of Redis on the volume"
        )


def _partitions(primaries: int) -> int:
    return min(MOST_PARTITIONS, 4 * primaries)


def _could_be_pinned(question: Question, found: Answer) -> bool:
    return found.pods > 1 and not question.affinity


def _needed_cache(question: Question, found: Answer, known: Coefficients) -> float:
    met = question.series / (found.pods if question.affinity else 1)
    return met * _block(question, known)


def _gigabits(bytes_per_second: float) -> str:
    return f"{bytes_per_second * 8 / 1e9:.2g} Gbit/s"


def _total(
    question: Question, known: Coefficients, *, affinity: bool = False, request: int = 0
) -> float:
    """CPU microseconds of a sample if it were sent in another way."""
    other = replace(
        question,
        affinity=affinity or question.affinity,
        request=request or question.request,
    )
    found = answer(other, known)
    return found.pod_us + found.redis_us
