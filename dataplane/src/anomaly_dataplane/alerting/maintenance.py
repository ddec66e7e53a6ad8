"""Maintenance windows: when nobody wants to hear of which series. Pure; `stage.py` asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_dataplane.alerting.alert import Alert
from anomaly_dataplane.contract.config import MaintenanceWindow
from anomaly_dataplane.matcher import Matcher


@dataclass(frozen=True, slots=True)
class _Window:
    name: str
    start_ms: float
    duration_ms: float
    every_ms: float
    matcher: Matcher

    def covers(self, now_ms: float) -> bool:
        since = now_ms - self.start_ms
        if since < 0:
            return False
        return (since % self.every_ms if self.every_ms else since) < self.duration_ms


class Maintenance:
    """The windows of a pipeline."""

    def __init__(self, windows: Sequence[MaintenanceWindow]) -> None:
        self._windows = [
            _Window(
                window.name,
                window.start * 1e3,
                window.duration_seconds * 1e3,
                window.every_seconds * 1e3,
                Matcher(window.match),
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
