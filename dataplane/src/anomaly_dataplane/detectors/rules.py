"""What the kernels need of the config, in the units and types that they compute with."""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from anomaly_dataplane.contract.config import (
    Alerting,
    Detection,
    Direction,
    Ingest,
    Match,
    Method,
    Override,
    PipelineConfig,
    Sensitivity,
    Transform,
)
from anomaly_dataplane.detectors import numbers
from anomaly_dataplane.detectors.clock import UTC_CLOCK, Clock, clock_of
from anomaly_dataplane.matcher import Matcher
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import LATEST

EVERY_ALARM = Alerting()
"""No persistence: one score at the threshold raises an anomaly."""

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
        learns: whether samples change what is known of the series; else they are only seen.
        excluded: samples are kept apart from repeats, and nothing else.
        gap_ms: after a silence longer than this the window starts over.
        stale_ms: a series silent for so long is an anomaly by itself.
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
    learns: bool = True
    excluded: bool = False
    gap_ms: float = math.inf
    stale_ms: float = math.inf
    name: str = ""

    @classmethod
    def of(cls, detection: Detection, ingest: Ingest, alerting: Alerting = EVERY_ALARM) -> Rules:
        """The rules that a config asks for, but for its overrides."""
        valid, stale = detection.valid_range, detection.stale_after_seconds
        gap, transform = detection.gap_after_seconds, detection.transform
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
            consecutive=alerting.min_consecutive,
            out_of=alerting.of,
            accept_after_samples=detection.accept_after_samples,
            transform=_NUMBERS.get(transform, numbers.NONE),
            counter_transform=_NUMBERS.get(transform, numbers.RATE),
            lowest=-math.inf if valid.min is None else valid.min,
            highest=math.inf if valid.max is None else valid.max,
            gap_ms=math.inf if gap is None else 1000.0 * gap,
            stale_ms=math.inf if stale is None else 1000.0 * stale,
        )

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
        row[numbers.LATENESS] = min(self.lateness_ms, LATEST)
        row[numbers.CONSECUTIVE] = self.consecutive
        row[numbers.OUT_OF] = self.out_of
        row[numbers.ACCEPT_AFTER] = self.accept_after_samples
        row[numbers.TRANSFORM] = self.transform
        row[numbers.LOWEST] = self.lowest
        row[numbers.HIGHEST] = self.highest
        row[numbers.EXCLUDED] = self.excluded
        row[numbers.GAP] = self.gap_ms
        row[numbers.UNLEARNT] = not self.learns
        row[numbers.PLAIN] = self._plain(self.transform)
        counter = row[:]
        counter[numbers.TRANSFORM] = self.counter_transform
        counter[numbers.PLAIN] = self._plain(self.counter_transform)
        return row + counter

    def _plain(self, transform: int) -> bool:
        """Whether each value is scored as it is, whatever it is, and any deviation counts."""
        return (
            transform == numbers.NONE
            and (self.lowest, self.highest) == (-math.inf, math.inf)
            and (self.above, self.below, self.learns, self.excluded) == (True, True, True, False)
            and self.min_abs_deviation == self.min_rel_deviation == 0.0
        )


class Rulebook:
    """The rules of a pipeline, as kernels read them, and which of them are a series'.

    Attributes:
        entries: rules by their place.
        numbers: `Rules.numbers` of all of them: two rows each.
        clock: of the season.
        first: what `Series.rule` counts rows from; no two books of a process have a row in common.
        stale_soonest_ms: the shortest silence that is an anomaly by any rule.
    """

    def __init__(
        self,
        entries: tuple[Rules, ...],
        clock: Clock = UTC_CLOCK,
        matchers: Sequence[tuple[Matcher, int]] = (),
        unlearnt: Sequence[Match] = (),
    ) -> None:
        self._paused = [Matcher(match) for match in unlearnt]
        self._own = len(entries)
        if unlearnt:
            # The same once more, for series that nothing is learnt from just now. Of their silence
            # nothing follows either: what was learnt before is not of other times afterwards.
            entries += tuple(
                replace(each, learns=False, stale_ms=math.inf, gap_ms=math.inf) for each in entries
            )
        self.entries = entries
        self.numbers = array("d", [number for rules in entries for number in rules.numbers])
        self.clock = clock
        self.first = next(_books) * _MOST_ROWS
        # One object for all series that go by a row, rather than one each.
        self._named = [self.first + row for row in range(self.rows)]
        self.stale_soonest_ms = min(rules.stale_ms for rules in entries)
        self._matchers = matchers

    @classmethod
    def of(cls, config: PipelineConfig, unlearnt: Sequence[Match] = ()) -> Rulebook:
        """The book of a config: what is excluded, then the overrides, then its own rules.

        Args:
            config: of the pipeline.
            unlearnt: series that nothing is learnt from just now, whichever rules they go by.
        """
        detection, ingest = config.detection, config.ingest
        own = Rules.of(detection, ingest, config.alerting)
        entries = [own]
        matchers = []
        if detection.exclude:
            entries.append(replace(own, excluded=True, stale_ms=math.inf, name="exclude"))
            matchers += [(Matcher(match), 1) for match in detection.exclude]
        for i, override in enumerate(detection.overrides):
            rules = Rules.of(_overridden(detection, override), ingest, config.alerting)
            matchers.append((Matcher(override.match), len(entries)))
            entries.append(replace(rules, name=override.name or f"overrides[{i}]"))
        return cls(tuple(entries), clock_of(detection.time_zone), matchers, unlearnt)

    @property
    def rows(self) -> int:
        """Rows of the book, two for each of its rules."""
        return 2 * len(self.entries)

    def row_of(self, series: Series) -> int:
        """Which row a series goes by; its first matcher decides. Resolved once, kept in it."""
        known = series.rule - self.first
        if 0 <= known < self.rows:
            return known
        metric, labels = series.metric, series.labels
        entry = next((at for matcher, at in self._matchers if matcher.holds(metric, labels)), 0)
        if any(matcher.holds(metric, labels) for matcher in self._paused):
            entry += self._own
        row = 2 * entry + series.cumulative
        series.rule = self._named[row]
        return row


def _overridden(detection: Detection, override: Override) -> Detection:
    """What a config asks for where an override holds."""
    changes = {
        field.name: value
        for field in fields(override)
        if field.name not in {"name", "match"}
        and (value := getattr(override, field.name)) is not None
    }
    if override.sensitivity is not None and override.score is None:
        # A preset of the score means nothing beside the score of all others.
        changes["score"] = None
    return replace(detection, **changes)


_books = itertools.count(1)
_MOST_ROWS = 2**16

_NUMBERS = {
    Transform.NONE: numbers.NONE,
    Transform.DELTA: numbers.DELTA,
    Transform.RATE: numbers.RATE,
    Transform.LOG1P: numbers.LOG1P,
}


_SCORES = {
    Sensitivity.HIGH: {Method.FUSED: 4.5, Method.FUSED_LITE: 3.0, Method.RANGE: 2.2},
    Sensitivity.MEDIUM: {Method.FUSED: 5.7, Method.FUSED_LITE: 3.75, Method.RANGE: 2.7},
    Sensitivity.LOW: {Method.FUSED: 7.2, Method.FUSED_LITE: 5.0, Method.RANGE: 3.7},
}
"""Measured on NAB and KPI series; docs/detection.md has what each finds and costs. `Range` wants a
record that goes beyond all values before by 5, 10 or 20 % of their span."""

_EVIDENCE = {Sensitivity.HIGH: 3.5, Sensitivity.MEDIUM: 4.5, Sensitivity.LOW: 6.0}
"""The score of the other methods, whose evidence comes from one calibrated tail, or two."""


def _alarm_score(detection: Detection) -> float:
    if detection.method is Method.ZSCORE:
        # "Beyond" the threshold, as an outlier is: the next float is the first that counts.
        return math.nextafter(detection.threshold, math.inf)
    presets = _SCORES[detection.sensitivity]
    return detection.score or presets.get(detection.method, _EVIDENCE[detection.sensitivity])
