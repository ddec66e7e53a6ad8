"""Maintenance windows: when nobody wants to hear of which series. Pure; `stage.py` asks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_dataplane.alerting.alert import Alert
from anomaly_dataplane.contract.config import MaintenanceMode, MaintenanceWindow, Match
from anomaly_dataplane.matcher import Matcher


@dataclass(frozen=True, slots=True)
class _Window:
    name: str
    start_ms: float
    duration_ms: float
    every_ms: float
    match: Match
    matcher: Matcher
    learns: bool

    def covers(self, now_ms: float) -> bool:
        since = now_ms - self.start_ms
        if since < 0:
            return False
        return (since % self.every_ms if self.every_ms else since) < self.duration_ms

    def changes_ms(self, now_ms: float) -> float:
        """When it begins or ends next; infinity if never again."""
        since = now_ms - self.start_ms
        if since < 0:
            return self.start_ms
        within = since % self.every_ms if self.every_ms else since
        if within < self.duration_ms:
            return now_ms + self.duration_ms - within
        return now_ms + self.every_ms - within if self.every_ms else math.inf


class Maintenance:
    """The windows of a pipeline."""

    def __init__(self, windows: Sequence[MaintenanceWindow]) -> None:
        self._windows = [
            _Window(
                window.name,
                window.start * 1e3,
                window.duration_seconds * 1e3,
                window.every_seconds * 1e3,
                window.match,
                Matcher(window.match),
                window.mode is not MaintenanceMode.DONT_LEARN,
            )
            for window in windows
        ]

    def of(self, alert: Alert, now_ms: float) -> str:
        """The name of the window that an alert falls into now, "" if none."""
        return next(
            (
                window.name
                for window in self._windows
                if window.covers(now_ms) and window.matcher.holds(alert.metric, alert.labels)
            ),
            "",
        )

    def unlearnt(self, now_ms: float) -> tuple[Match, ...]:
        """The series that nothing is learnt from now."""
        return tuple(
            window.match for window in self._windows if not window.learns and window.covers(now_ms)
        )

    def changes_ms(self, now_ms: float) -> float:
        """When `unlearnt` may be another next; infinity if never again."""
        return min(
            (window.changes_ms(now_ms) for window in self._windows if not window.learns),
            default=math.inf,
        )
