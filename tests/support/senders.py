"""A sender that behaves as the documentation asks: what got 503 is sent again until it is taken."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from anomaly_dataplane.commit import Committer, Group
from anomaly_dataplane.contract.config import Detection, Ingest
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.sample import Code
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.working_set import WorkingSet
from anomaly_dataplane.store import Store
from polling import PATIENCE
from samples import START_MS, a_series


def a_committer(store: Store) -> Committer:
    """A lane's committer with a cache of its own, as a pod's."""
    rules = Rulebook((Rules.of(Detection(), Ingest()),))
    return Committer(store, WorkingSet(METHODS[Detection().method], 120, 4096), rules, Unobserved())


def some_series() -> list[Series]:
    """Forty series, the same at every call."""
    return [a_series(device=f"d{i}") for i in range(40)]


@dataclass
class Sender:
    """Sends one sample of each of its series at a time.

    Attributes:
        refusals: answers 503 so far.
        rounds: acknowledged so far.
    """

    store: Store
    series: list[Series] = field(default_factory=some_series)
    refusals: int = 0
    rounds: int = 0

    def __post_init__(self) -> None:
        self._committer = a_committer(self.store)

    async def send(self) -> Group:
        """Send the next sample of every series until it is acknowledged."""
        deadline = time.monotonic() + PATIENCE
        while True:
            group = _group(self.series, self.rounds)
            try:
                await self._committer.commit(group)
            except StoreUnavailable:
                self.refusals += 1
                assert time.monotonic() < deadline, "it never came back"
            else:
                self.rounds += 1
                return group

    async def duplicates(self, first: int, last: int) -> bool:
        """Whether every sample of these rounds, sent again by another pod, is known."""
        other = a_committer(self.store)
        # Each pod has objects of its own: they know their place in its cache.
        series = [Series(item.metric, item.labels, partitions=4) for item in self.series]
        for i in range(first, last):
            group = _group(series, i)
            await other.commit(group)
            if set(group.verdicts.codes) != {Code.DUPLICATE}:
                return False
        return True


def _group(series: list[Series], i: int) -> Group:
    count = len(series)
    return Group(list(series), [START_MS + 1000.0 * i] * count, [float(i % 7)] * count)
