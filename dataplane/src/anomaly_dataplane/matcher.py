"""Which series a rule or a maintenance window is about: metric and labels against expressions.

An expression is for the whole of the name or value, so a plain name stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from anomaly_dataplane.contract.config import Match


class Matcher:
    """A match of the config, compiled."""

    def __init__(self, match: Match) -> None:
        self._metric = re.compile(match.metric) if match.metric else None
        self._labels = {name: re.compile(value) for name, value in match.labels.items()}

    def holds(self, metric: str, labels: Mapping[str, str]) -> bool:
        """Whether a series is meant. A label that it lacks counts as empty."""
        if self._metric is not None and not self._metric.fullmatch(metric):
            return False
        return all(
            expression.fullmatch(labels.get(name, "")) for name, expression in self._labels.items()
        )
