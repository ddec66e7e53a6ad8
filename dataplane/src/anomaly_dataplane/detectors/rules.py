"""What the kernels need of the config, in the units and types that they compute with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from anomaly_dataplane.contract.config import Detection, Direction, Ingest, Method, Sensitivity


@dataclass(frozen=True, slots=True)
class Rules:
    """The thresholds of one pipeline.

    Attributes:
        threshold: sigma beyond which a sample is an outlier.
        alarm_score: what the method's score must reach to raise an anomaly.
        above, below: whether deviations to that side count.
        lateness_ms: how far behind the newest sample of its series a sample may be.
    """

    threshold: float
    alarm_score: float
    min_samples: int
    above: bool
    below: bool
    min_abs_deviation: float
    min_rel_deviation: float
    hold_off_samples: int
    repeat_after_samples: int
    lateness_ms: float

    @classmethod
    def of(cls, detection: Detection, ingest: Ingest) -> Rules:
        """The rules that a config asks for."""
        return cls(
            threshold=detection.threshold,
            alarm_score=_alarm_score(detection),
            min_samples=detection.min_samples,
            above=detection.direction is not Direction.BELOW,
            below=detection.direction is not Direction.ABOVE,
            min_abs_deviation=detection.min_abs_deviation,
            min_rel_deviation=detection.min_rel_deviation,
            hold_off_samples=detection.hold_off_samples,
            repeat_after_samples=detection.repeat_after_samples,
            lateness_ms=ingest.allowed_lateness_seconds * 1000.0,
        )


_FUSED_SCORES = {Sensitivity.HIGH: 5.0, Sensitivity.MEDIUM: 6.5, Sensitivity.LOW: 8.0}
"""Measured on NAB and KPI series; docs/detection.md has what each one finds and costs."""


def _alarm_score(detection: Detection) -> float:
    if detection.method is Method.ZSCORE:
        # "Beyond" the threshold, as an outlier is: the next float is the first that counts.
        return math.nextafter(detection.threshold, math.inf)
    return detection.score or _FUSED_SCORES[detection.sensitivity]
