"""In which order runs are done, and what their figures say together. Pure arithmetic."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.records import Run
from bench.targets import Quantity
from bench.variants import Variant


def there_and_back(variants: Sequence[Variant]) -> list[Variant]:
    """The order of one round: A B C C B A. What drifts slowly hits all of them alike."""
    return [*variants, *reversed(variants)]


def value(runs: Sequence[Run], quantity: Quantity) -> float:
    """A quantity of several runs of one variant: of CPU and throughput the quotient of the sums."""
    samples = sum(run.samples for run in runs)
    if quantity == "p99_ms":
        return statistics.fmean(run.latency_ms["p99"] for run in runs)
    if quantity == "throughput":
        return samples / sum(run.seconds for run in runs)
    pod = sum(run.pod_cpu_seconds for run in runs)
    redis = sum(run.redis_cpu_seconds for run in runs)
    seconds = {"pod_us": pod, "redis_us": redis, "total_us": pod + redis}[quantity]
    return seconds / samples * 1e6


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure over all rounds.

    Attributes:
        median: of the rounds.
        rounds: the figure of each.
    """

    median: float
    rounds: tuple[float, ...]

    @classmethod
    def of(cls, rounds: Iterable[float]) -> Measured | None:
        """Of the rounds that there are; None if there is none."""
        found = tuple(rounds)
        return cls(statistics.median(found), found) if found else None


def ratio(
    runs: Sequence[Run], section: str, variant: str, against: str, quantity: Quantity
) -> Measured | None:
    """The median over rounds of a variant's quantity divided by another's in the same round."""

    def of_round(number: int) -> tuple[list[Run], list[Run]]:
        return (
            select(runs, section, variant, number),
            select(runs, section, against, number),
        )

    pairs = [of_round(number) for number in sorted({run.round for run in runs})]
    return Measured.of(
        value(ours, quantity) / value(theirs, quantity) for ours, theirs in pairs if ours and theirs
    )


def over_rounds(
    runs: Sequence[Run], section: str, variant: str, of: Callable[[Sequence[Run]], float]
) -> Measured | None:
    """The median over rounds of something of a variant's runs."""
    numbers = sorted({run.round for run in runs})
    found = (select(runs, section, variant, number) for number in numbers)
    return Measured.of(of(some) for some in found if some)


def select(runs: Sequence[Run], section: str, variant: str, round_number: int) -> list[Run]:
    """The sound runs of a variant in a round of a section."""
    return [
        run
        for run in runs
        if (run.section, run.variant, run.round) == (section, variant, round_number)
        and not run.problems
    ]
