"""What two configs say differently of one file. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from anomaly_dataplane.backtest.table import Samples
from anomaly_dataplane.sample import Anomaly

NEAR_SAMPLES = 10
"""Two alarms of one series so close are of one event: methods need some samples more or less."""


@dataclass(slots=True)
class Difference:
    """Anomalies of two outcomes, matched one to one within a series."""

    both: list[tuple[Anomaly, Anomaly]] = field(default_factory=list)
    only_first: list[Anomaly] = field(default_factory=list)
    only_second: list[Anomaly] = field(default_factory=list)


def compare(
    samples: Samples,
    first: Sequence[tuple[int, Anomaly]],
    second: Sequence[tuple[int, Anomaly]],
) -> Difference:
    """Match each anomaly of `first` with the nearest one of `second` that is still free.

    Args:
        samples: that both are of.
        first: (position within the samples, anomaly).
        second: the same of the other config.
    """
    rank = _ranks(samples)
    free: dict[str, list[tuple[int, Anomaly]]] = {}
    for position, event in second:
        free.setdefault(samples.series[position].id, []).append((rank[position], event))
    found = Difference()
    for position, event in first:
        candidates = free.get(samples.series[position].id, [])
        at = rank[position]
        nearest = min(candidates, key=lambda each: abs(each[0] - at), default=None)
        if nearest is not None and abs(nearest[0] - at) <= NEAR_SAMPLES:
            candidates.remove(nearest)
            found.both.append((event, nearest[1]))
        else:
            found.only_first.append(event)
    found.only_second = sorted(
        (event for left in free.values() for _, event in left), key=lambda event: event.time
    )
    return found


def _ranks(samples: Samples) -> list[int]:
    """The place of each sample among those of its series."""
    seen: dict[str, int] = {}
    ranks = []
    for series in samples.series:
        seen[series.id] = seen.get(series.id, -1) + 1
        ranks.append(seen[series.id])
    return ranks
