"""Counts what the pipeline said of the samples of one source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_TAKEN = frozenset({"ok", "outlier", "warming"})
_SCORED = frozenset({"ok", "outlier"})


@dataclass(slots=True)
class Tally:
    """Requests, samples and verdicts of one source.

    Attributes:
        taken: samples that were committed for the first time.
        scored: those of them that got a verdict, the window being warm.
        anomalies: episodes that began.
        seconds: between the first request and the last answer.
    """

    requests: int = 0
    sent: int = 0
    taken: int = 0
    scored: int = 0
    outliers: int = 0
    anomalies: int = 0
    seconds: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)

    def add(self, verdicts: Iterable[Mapping[str, object]]) -> None:
        """Count the verdicts of one request."""
        self.requests += 1
        for verdict in verdicts:
            status = str(verdict["status"])
            self.sent += 1
            self.taken += status in _TAKEN
            self.scored += status in _SCORED
            self.outliers += status == "outlier"
            self.anomalies += "anomaly" in verdict
            if status not in _TAKEN:
                self.refused[status] = self.refused.get(status, 0) + 1

    @property
    def requests_per_second(self) -> float:
        """Over the whole replay of this source."""
        return self.requests / self.seconds if self.seconds else 0.0

    def __add__(self, other: Tally) -> Tally:
        both = self.refused.keys() | other.refused.keys()
        return Tally(
            self.requests + other.requests,
            self.sent + other.sent,
            self.taken + other.taken,
            self.scored + other.scored,
            self.outliers + other.outliers,
            self.anomalies + other.anomalies,
            self.seconds + other.seconds,
            {word: self.refused.get(word, 0) + other.refused.get(word, 0) for word in both},
        )
