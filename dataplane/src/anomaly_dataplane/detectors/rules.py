"""What the kernels need of the config, in the units and types that they compute with."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

from anomaly_dataplane.contract.config import Detection, Direction, Ingest, Method, Sensitivity
from anomaly_dataplane.detectors import numbers
from anomaly_dataplane.detectors.clock import UTC_CLOCK, Clock

TRANSFORMS = ("None", "Delta", "Rate", "Log1p")
"""By number."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The thresholds of one pipeline.

    Attributes:
        threshold: sigma beyond which a sample is an outlier.
        alarm_score: what the method's score must reach to raise an anomaly.
        above, below: whether deviations to that side count.
        lateness_ms: how far behind the newest sample of its series a sample may be.
        consecutive, out_of: how many of how many last scores must reach it.
        accept_after_samples: an episode that lasts so long is the new normal; 0: none is.
        transform: number of what is done to values before they are scored.
        counter_transform: the same for series that a protocol says to be counters.
        lowest, highest: a value outside is an anomaly by itself.
        excluded: samples are kept apart from repeats, and nothing else.
        gap_ms: after a silence longer than this the window starts over.
        name: of the override that they come from, empty for the pipeline's own.
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
    consecutive: int = 1
    out_of: int = 1
    accept_after_samples: int = 0
    transform: int = numbers.NONE
    counter_transform: int = numbers.NONE
    lowest: float = -math.inf
    highest: float = math.inf
    excluded: bool = False
    gap_ms: float = math.inf
    name: str = ""

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

    def transform_of(self, cumulative: bool) -> str:
        """The name of the transform of a series."""
        return TRANSFORMS[self.counter_transform if cumulative else self.transform]

    @property
    def numbers(self) -> array[float]:
        """Both rows of a column of rules, that of gauges first."""
        row = array("d", [0.0]) * numbers.WIDTH
        row[numbers.SIGMA] = self.threshold
        row[numbers.SCORE] = self.alarm_score
        row[numbers.MIN_SAMPLES] = max(self.min_samples, 1)
        row[numbers.COUNT_ABOVE] = self.above
        row[numbers.COUNT_BELOW] = self.below
        row[numbers.MIN_ABS_DEVIATION] = self.min_abs_deviation
        row[numbers.MIN_REL_DEVIATION] = self.min_rel_deviation
        row[numbers.HOLD_OFF] = self.hold_off_samples
        row[numbers.REPEAT_AFTER] = self.repeat_after_samples
        row[numbers.LATENESS] = self.lateness_ms
        row[numbers.CONSECUTIVE] = self.consecutive
        row[numbers.OUT_OF] = self.out_of
        row[numbers.ACCEPT_AFTER] = self.accept_after_samples
        row[numbers.TRANSFORM] = self.transform
        row[numbers.LOWEST] = self.lowest
        row[numbers.HIGHEST] = self.highest
        row[numbers.EXCLUDED] = self.excluded
        row[numbers.GAP] = self.gap_ms
        counter = row[:]
        counter[numbers.TRANSFORM] = self.counter_transform
        return row + counter


class Rulebook:
    """The rules of a pipeline, as kernels read them.

    Attributes:
        entries: rules by their place.
        numbers: `Rules.numbers` of all of them.
        clock: of the season.
    """

    def __init__(self, entries: tuple[Rules, ...], clock: Clock = UTC_CLOCK) -> None:
        self.entries = entries
        self.numbers = array("d", [number for rules in entries for number in rules.numbers])
        self.clock = clock


_SCORES = {
    Sensitivity.HIGH: {Method.FUSED: 5.0, Method.RANGE: 2.2},
    Sensitivity.MEDIUM: {Method.FUSED: 6.5, Method.RANGE: 2.7},
    Sensitivity.LOW: {Method.FUSED: 8.0, Method.RANGE: 3.7},
}
"""Measured on NAB and KPI series; docs/detection.md has what each one finds and costs. `Range` wants
a record that goes beyond all values before by 5, 10 or 20 % of their span."""

_EVIDENCE = {Sensitivity.HIGH: 3.5, Sensitivity.MEDIUM: 4.5, Sensitivity.LOW: 6.0}
"""The score of the other methods, whose evidence comes from one calibrated tail, or two."""


def _alarm_score(detection: Detection) -> float:
    if detection.method is Method.ZSCORE:
        # "Beyond" the threshold, as an outlier is: the next float is the first that counts.
        return math.nextafter(detection.threshold, math.inf)
    presets = _SCORES[detection.sensitivity]
    return detection.score or presets.get(detection.method, _EVIDENCE[detection.sensitivity])
