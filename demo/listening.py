"""Whether a pipeline would raise an anomaly in a series now, judged by its own verdicts.

After an anomaly a series stays silent for `holdOffSamples` and until it was near its mean again, so
a burst right then would say nothing about detection. `replay` waits for a better moment.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any

from demo.sample import Sample

_SAMPLES = 16
"""More than the default `holdOffSamples`, 15."""
_NEAR_SIGMA = 0.5
"""Below the share of the threshold at which an episode ends."""


class Listening:
    """Remembers the last verdicts of each series."""

    def __init__(self) -> None:
        self._last: defaultdict[str, deque[Mapping[str, Any]]] = defaultdict(
            lambda: deque(maxlen=_SAMPLES)
        )

    def heard(self, samples: Sequence[Sample], verdicts: Sequence[Mapping[str, Any]]) -> None:
        """Take the verdicts of one request into account."""
        for sample, verdict in zip(samples, verdicts, strict=True):
            self._last[sample.metric].append(verdict)

    def to(self, metric: str) -> bool:
        """Whether the pipeline listens to this series."""
        last = self._last[metric]
        scored = [verdict for verdict in last if verdict["z"] is not None]
        return (
            len(scored) == _SAMPLES
            and not any("anomaly" in verdict for verdict in scored)
            and any(abs(verdict["z"]) < _NEAR_SIGMA for verdict in scored)
        )
