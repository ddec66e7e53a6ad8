"""Event-F1: whether events are found, with every other alarm counted as false."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TOLERANCE = 10
"""Samples after an event in which it is still found, and before it in which an alarm is neutral."""


@dataclass(frozen=True, slots=True)
class Found:
    """What became of events and alarms; addable."""

    events: int = 0
    found: int = 0
    false: int = 0
    samples: int = 0

    def __add__(self, other: Found) -> Found:
        return Found(
            self.events + other.events,
            self.found + other.found,
            self.false + other.false,
            self.samples + other.samples,
        )

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, over events."""
        if not self.found:
            return 0.0
        precision = self.found / (self.found + self.false)
        recall = self.found / self.events
        return 2.0 * precision * recall / (precision + recall)

    @property
    def false_a_day(self) -> float:
        """False alarms per 1440 samples."""
        return 1440.0 * self.false / self.samples if self.samples else 0.0


def compare(samples: int, events: Sequence[tuple[int, int]], alarms: Sequence[int]) -> Found:
    """Alarms against the first and last sample of each event."""
    found = {
        event for event in events if any(event[0] <= at <= event[1] + TOLERANCE for at in alarms)
    }
    false = sum(not any(a - TOLERANCE <= at <= b + TOLERANCE for a, b in events) for at in alarms)
    return Found(len(events), len(found), false, samples)
