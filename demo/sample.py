"""One sample, as a source makes it and as the pipeline's HTTP API takes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """A value of a series at a time (Unix seconds)."""

    metric: str
    device: str
    timestamp: float
    value: float

    def as_json(self) -> dict[str, object]:
        """The sample in the native protocol."""
        return {
            "metric": self.metric,
            "labels": {"device": self.device},
            "timestamp": self.timestamp,
            "value": self.value,
        }
