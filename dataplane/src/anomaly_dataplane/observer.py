"""What the workers tell the outside about themselves, once a commit and never once a sample.

`workers/` and the commit call it; `telemetry.py` turns the calls into metrics. It is a Protocol
so that neither side imports the other, and so that tests and benchmarks may listen or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True)
class Committed:
    """What one commit did.

    Attributes:
        series: it held.
        seconds: it took.
        accepted, duplicate, late: its samples, by what became of them.
        scored: of the accepted ones, those whose window was warm.
        outliers: of the scored ones.
        anomalies_by_family: that were raised, by the evidence that won.
    """

    series: int
    seconds: float
    accepted: int
    duplicate: int
    late: int
    scored: int
    outliers: int
    anomalies_by_family: Mapping[str, int]


class Observer(Protocol):
    """Listens to the workers. Calls are made on the event loop and must return at once."""

    def committed(self, done: Committed) -> None:
        """One commit is done."""
        ...

    def conflicts(self, count: int) -> None:
        """So many series were refused by the store, another pod being first, and are read again."""
        ...

    def store_failed(self, kind: str) -> None:
        """A call to the store failed; `kind` is a word of a small closed set."""
        ...

    def store_up(self, up: bool) -> None:
        """The store answered, or did not."""
        ...

    def anomalies(self, family: str, count: int) -> None:
        """So many were raised by something else than a commit of samples."""
        ...

    def alerts_open(self, count: int) -> None:
        """So many alerts are open in the partitions that this pod looks after."""
        ...

    def alert_opened(self, kind: str) -> None:
        """One began: of a series, or of a group of them."""
        ...

    def anomalies_lost(self, count: int) -> None:
        """So many left the outbox before they became alerts."""
        ...

    def delivered(self, receiver: str, result: str, count: int) -> None:
        """So many alerts or notices met this result with a receiver."""
        ...


class Unobserved:
    """An observer that nobody listens to."""

    def committed(self, done: Committed) -> None: ...

    def conflicts(self, count: int) -> None: ...

    def store_failed(self, kind: str) -> None: ...

    def store_up(self, up: bool) -> None: ...

    def anomalies(self, family: str, count: int) -> None: ...

    def alerts_open(self, count: int) -> None: ...

    def alert_opened(self, kind: str) -> None: ...

    def anomalies_lost(self, count: int) -> None: ...

    def delivered(self, receiver: str, result: str, count: int) -> None: ...
