"""Counters and histograms for one thread, which the event loop is: plain numbers without locks.

`telemetry.py` builds them; `prometheus_client` asks them what they hold whenever somebody scrapes.
Its own ones lock and check at each call. That took more of a request of one sample than parsing it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from anomaly_dataplane.exposition import number


class Count:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1.0) -> None:
        """Add to it."""
        self.value += amount


class Counter(Collector):
    """A counter for each combination of labels; without labels, the one that `labels()` gives."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str]) -> None:
        self._about = (name, documentation, labels)
        self._counts: dict[tuple[str, ...], Count] = {}
        if not labels:
            self.labels()

    def labels(self, *values: str) -> Count:
        """The counter with these labels, in the order of their declaration."""
        count = self._counts.get(values)
        if count is None:
            count = self._counts[values] = Count()
        return count

    def collect(self) -> Iterator[CounterMetricFamily]:
        """What the registry asks for."""
        name, documentation, labels = self._about
        family = CounterMetricFamily(name, documentation, labels=labels)
        for values, count in self._counts.items():
            family.add_metric(values, count.value)
        yield family


class Distribution:
    """How many values fell below each bound, and their sum."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Add a value; one that equals a bound is below it."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value


class Histogram(Collector):
    """A distribution for each combination of labels; without labels, the one of `labels()`."""

    def __init__(
        self, name: str, documentation: str, labels: Sequence[str], bounds: Sequence[float]
    ) -> None:
        self._about = (name, documentation, labels)
        self._bounds = bounds
        self._distributions: dict[tuple[str, ...], Distribution] = {}
        if not labels:
            self.labels()

    def labels(self, *values: str) -> Distribution:
        """The distribution with these labels, in the order of their declaration."""
        found = self._distributions.get(values)
        if found is None:
            found = self._distributions[values] = Distribution(self._bounds)
        return found

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What the registry asks for."""
        name, documentation, labels = self._about
        family = HistogramMetricFamily(name, documentation, labels=labels)
        names = [number(bound) for bound in (*self._bounds, float("inf"))]
        for values, distribution in self._distributions.items():
            below = accumulate(distribution.counts)
            family.add_metric(values, list(zip(names, below, strict=True)), distribution.sum)
        yield family
