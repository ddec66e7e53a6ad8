"""How long each part of the live run takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """The live part: calm readings, then a burst of load, then calm again.

    Attributes:
        interval_seconds: between readings.
        calm: readings before the burst; more than the 100 that Fused calibrates itself on.
        patience: further readings at most until the pipeline listens again; see `listening`.
        burst_seconds: of load.
        after: readings after the burst.
    """

    interval_seconds: float
    calm: int
    patience: int
    burst_seconds: float
    after: int

    @property
    def during(self) -> int:
        """Readings while the burst lasts."""
        return round(self.burst_seconds / self.interval_seconds)

    @property
    def readings(self) -> int:
        """All readings."""
        return self.calm + self.during + self.after


FULL = Plan(interval_seconds=0.2, calm=150, patience=50, burst_seconds=6.0, after=15)
QUICK = Plan(interval_seconds=0.1, calm=130, patience=40, burst_seconds=3.0, after=5)
