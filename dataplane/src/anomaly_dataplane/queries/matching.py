"""Which series a query is about: `metric=temp_*&label=site:berlin*`. Used by the handlers.

Patterns are those of a shell, `*` and `?`: anybody may ask, and a regular expression from anybody
could keep a pod busy.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence

from anomaly_dataplane.errors import BadPayload

_LONGEST = 256


class Matching:
    """Series by metric and labels; everything if nothing is said."""

    def __init__(self, metric: str, labels: Sequence[str]) -> None:
        self._metric = _compiled("metric", metric or "*")
        self._labels = []
        for label in labels:
            name, colon, pattern = label.partition(":")
            if not colon or not name:
                raise BadPayload(
                    f"query parameter label must be NAME:PATTERN, like device:boiler-*, "
                    f"not {label[:40]!r}"
                )
            self._labels.append((name, _compiled("label", pattern)))

    def __call__(self, metric: str, labels: Mapping[str, str]) -> bool:
        """Whether this series is meant."""
        return bool(self._metric.fullmatch(metric)) and all(
            name in labels and pattern.fullmatch(labels[name]) for name, pattern in self._labels
        )


def _compiled(parameter: str, pattern: str) -> re.Pattern[str]:
    if len(pattern) > _LONGEST or pattern.count("*") > 8:
        raise BadPayload(f"query parameter {parameter}: the pattern is too long")
    # Brackets have no meaning here.
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))
