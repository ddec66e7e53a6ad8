"""What is run, in which order, and how long that will take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench import variants
from bench.errors import BenchError
from bench.variants import Ours, Variant

_START_SECONDS = 2.0
"""Of starting and stopping the processes of a run, and of a warm-up longer than asked."""
_FILL_SECONDS = 20.0
_AOF_SECONDS = 8.0
_KERNEL_SECONDS = 20.0
_CLUSTER_SECONDS = 15.0

PODS = (
    variants.several(1, "random"),
    variants.several(2, "random"),
    variants.several(2, "pinned"),
    variants.several(4, "random"),
    variants.several(4, "pinned"),
)
ON_CLUSTER = (
    variants.several(1, "random", cluster=True),
    variants.several(2, "random", cluster=True),
    variants.several(4, "random", cluster=True),
    variants.several(4, "pinned", cluster=True),
)
AOF_OF: tuple[tuple[str, Ours], ...] = (
    ("W1", variants.FUSED),
    ("W2", variants.FUSED),
    ("W3", variants.FUSED),
    ("W2", variants.ZSCORE),
)


@dataclass(frozen=True, slots=True)
class Section:
    """Variants that are run in turn under one workload, or one of the other measurements.

    Attributes:
        words: for the person who waits.
        workload: empty for measurements of another kind.
        most_rounds: where fewer rounds do.
    """

    name: str
    words: str
    workload: str = ""
    variants: Sequence[Variant] = ()
    most_rounds: int | None = None
    on_cluster: bool = False
    extra_seconds: float = 0.0

    def rounds(self, asked: int) -> int:
        """How many rounds it gets."""
        return min(asked, self.most_rounds or asked)

    def seconds(self, rounds: int, each: float) -> float:
        """About how long it takes, for runs of `each` seconds of load."""
        runs = 2 * len(self.variants) * self.rounds(rounds)
        return runs * (each + _START_SECONDS) + self.extra_seconds


def sections(*, fast_path: bool, cache_setting: bool) -> tuple[Section, ...]:
    """All that there is to measure.

    Args:
        fast_path: the front protocol is there to be measured.
        cache_setting: the cache can be made too small.
    """
    overflow = Section(
        "overflow",
        "more series than a pod caches",
        "W2",
        (variants.FUSED, variants.OVERFLOW),
        most_rounds=1,
    )
    front = (variants.FRONT,) if fast_path else ()
    own = (variants.GO, variants.FUSED, variants.ZSCORE)
    return (
        Section("kernels", "the kernels alone", extra_seconds=_KERNEL_SECONDS),
        Section("W1", "one sample a request", "W1", (*own, *front)),
        Section("W2", "500 samples a request", "W2", (variants.GO_MEMORY, *own)),
        Section("W3", "100 series x 50 samples a request", "W3", own),
        Section(
            "W1-1000",
            "1000 requests/s, open loop",
            "W1-1000",
            (variants.GO, variants.FUSED, *front),
        ),
        Section("W1-100", "100 requests/s, for the capacity model", "W1-100", (variants.FUSED,), 1),
        Section("pods", "1, 2 and 4 pods on one Redis", "W2", PODS),
        Section(
            "cluster",
            "1, 2 and 4 pods on a Cluster of three primaries",
            "W2",
            ON_CLUSTER,
            most_rounds=1,
            on_cluster=True,
            extra_seconds=_CLUSTER_SECONDS,
        ),
        *((overflow,) if cache_setting else ()),
        Section(
            "aof", "bytes of AOF and on the wire", extra_seconds=len(AOF_OF) * _AOF_SECONDS + 10
        ),
        Section("memory", "memory of Redis and pods", extra_seconds=5),
    )


def chosen(only: str, available: Sequence[Section]) -> list[Section]:
    """The sections that `--only` names; all of them for an empty text.

    Raises:
        BenchError: there is no such section.
    """
    if not only:
        return list(available)
    names = [name.strip() for name in only.split(",") if name.strip()]
    known = [section.name for section in available]
    if unknown := [name for name in names if name not in known]:
        raise BenchError(f"no such section: {', '.join(unknown)}; there are {', '.join(known)}")
    return [section for section in available if section.name in names]


def estimate(plan: Sequence[Section], rounds: int, each: float) -> float:
    """About how many seconds it takes, filling included."""
    states = {variant.state for section in plan for variant in section.variants} - {"go"}
    filling = len(states) * _FILL_SECONDS
    return filling + sum(section.seconds(rounds, each) for section in plan)
