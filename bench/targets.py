"""The figures asked for: what must be, what to reach for, and where each number comes from.

The only place where they stand. `report.py` compares them with what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from bench import variants
from bench.variants import Variant

Quantity = Literal["total_us", "pod_us", "redis_us", "p99_ms", "throughput"]

PROTOTYPE = "issue 4, from the prototype's rounds in reference/commit-protocol.md, section 9"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A quantity of a variant divided by the same of another in the same round; less is better.

    Attributes:
        words: the row's name.
        section: of the plan that measures both.
        prototype: what the prototype showed, for orientation; empty if it did not.
    """

    words: str
    section: str
    variant: Variant
    against: Variant
    quantity: Quantity
    must: float
    reach: float
    prototype: str = ""
    source: str = PROTOTYPE


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure by itself.

    Attributes:
        figure: its name among those that the sections give.
        reach: None where nothing beyond `must` is asked for.
        at_least: more is better.
    """

    words: str
    figure: str
    must: float
    reach: float | None
    unit: str
    at_least: bool = False
    source: str = PROTOTYPE


RATIOS: tuple[Ratio, ...] = (
    Ratio(
        "W1 total CPU a sample, aiohttp routes",
        "W1",
        variants.FUSED,
        variants.GO,
        "total_us",
        0.65,
        0.50,
        "0.40-0.52",
    ),
    Ratio(
        "W1 total CPU a sample, front protocol",
        "W1",
        variants.FRONT,
        variants.GO,
        "total_us",
        0.40,
        0.28,
    ),
    Ratio(
        "W2 total CPU a sample",
        "W2",
        variants.FUSED,
        variants.GO,
        "total_us",
        0.18,
        0.11,
        "0.09-0.14",
    ),
    Ratio(
        "W3 total CPU a sample",
        "W3",
        variants.FUSED,
        variants.GO,
        "total_us",
        0.04,
        0.02,
        "0.012-0.016",
    ),
    Ratio(
        "W1 at 1000 requests/s: total CPU, pod as shipped",
        "W1-1000",
        variants.FRONT,
        variants.GO,
        "total_us",
        1.0,
        0.75,
        "0.75-0.85",
    ),
    Ratio(
        "W1 at 1000 requests/s: p99, pod as shipped",
        "W1-1000",
        variants.FRONT,
        variants.GO,
        "p99_ms",
        1.4,
        1.0,
        "1.0-1.4",
    ),
    Ratio(
        "W2 total CPU, against windows in memory, 512 a trip",
        "W2",
        variants.FUSED,
        variants.GO_MEMORY,
        "total_us",
        1.2,
        0.8,
        "0.47-0.86",
    ),
    *(
        Ratio(
            f"W2 total CPU, {pods} pods {how}, against 1 pod",
            "pods",
            variants.several(pods, cast(variants.Pick, pick)),
            variants.several(1, "random"),
            "total_us",
            must,
            reach,
            prototype,
        )
        for pods, how, pick, must, reach, prototype in (
            (2, "chosen at random", "random", 2.3, 1.6, "1.8-2.0"),
            (4, "chosen at random", "random", 3.5, 2.2, "2.0-3.3"),
            (2, "with affinity", "pinned", 1.15, 1.05, ""),
            (4, "with affinity", "pinned", 1.15, 1.05, ""),
        )
    ),
)

BOUNDS: tuple[Bound, ...] = (
    Bound("W1 at 1000 requests/s: p99, pod as shipped", "p99_ms_at_1000", 10, None, "ms"),
    Bound("kernels: compiled against interpreted", "kernels", 20, 50, "x", at_least=True),
    Bound("AOF of a commit of one series, Fused", "aof_bytes_fused", 750, 450, "B"),
    Bound("Redis memory of a series, Fused", "redis_bytes_fused", 4200, 3600, "B"),
    Bound("Redis memory of a series, ZScore", "redis_bytes_zscore", 2200, None, "B"),
    Bound("resident memory of a pod, W1, 10,000 series", "pod_mib", 72, None, "MiB"),
)
