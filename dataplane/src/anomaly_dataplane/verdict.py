"""From a kernel's scores to what people see: verdicts of a batch, and anomalies with their why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from anomaly_dataplane.detectors.method import Method
from anomaly_dataplane.detectors.rules import Rules
from anomaly_dataplane.detectors.scores import (
    CALM,
    ENDED,
    NEW_NORMAL,
    REPORTING,
    RESTARTED,
    Ended,
    Raised,
    Scores,
)
from anomaly_dataplane.detectors.window import scale
from anomaly_dataplane.sample import (
    LARGEST_VALUE,
    Anomaly,
    Ending,
    Kind,
    Side,
    Trigger,
    Verdicts,
)
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import OUT_OF_RANGE

STALE_SUFFIX = "-stale"
END_SUFFIX = "-end"
"""Of the ids of events; see `Anomaly`."""


def adopt(scores: Scores) -> Verdicts:
    """The verdicts of a whole group: the kernel's columns themselves, anomalies still missing."""
    return Verdicts(scores.codes, scores.z, scores.mean, scores.std, scores.n)


def merge(verdicts: Verdicts, positions: Sequence[int], scores: Scores) -> None:
    """Write the scores of some positions of a group over its verdicts, anomalies excepted."""
    for i, position in enumerate(positions):
        verdicts.codes[position] = scores.codes[i]
        verdicts.z[position] = scores.z[i]
        verdicts.mean[position] = scores.mean[i]
        verdicts.std[position] = scores.std[i]
        verdicts.n[position] = scores.n[i]
        verdicts.anomalies.pop(position, None)


@dataclass(frozen=True, slots=True)
class Context:
    """What an event is told with, besides the kernel's figures.

    Attributes:
        time, value: of the sample, as it was sent.
        rules: that applied.
        transform: that made the values of the window.
        span_seconds: of the window.
    """

    series: Series
    time: float
    value: float
    rules: Rules
    method: Method
    transform: str
    span_seconds: float


def anomaly(scores: Scores, i: int, raised: Raised, about: Context) -> Anomaly:
    """The event that sample `i` of a scored group raised."""
    trigger = Trigger.OUT_OF_RANGE if raised.family == OUT_OF_RANGE else Trigger.SCORE
    base = event_id(about.series, about.time)
    return replace(
        _event(scores, i, about),
        id=base,
        score=raised.score,
        threshold=raised.threshold,
        family=_family(about.method, raised.family),
        expected=_expected(scores, i, about.rules, trigger),
        direction=Side.ABOVE if raised.above else Side.BELOW,
        trigger=trigger,
        weight=raised.weight,
        scored_value=raised.value,
        episode=event_id(about.series, raised.episode),
        episode_start=raised.episode,
    )


def recovery(scores: Scores, ended: Ended, about: Context) -> Anomaly:
    """The event that an episode is over."""
    i = ended.position
    trigger = Trigger.OUT_OF_RANGE if ended.family == OUT_OF_RANGE else Trigger.SCORE
    family = _family(about.method, ended.family)
    side = Side.ABOVE if ended.above else Side.BELOW
    episode = event_id(about.series, ended.episode)
    if ended.how == REPORTING:
        trigger, family, side, episode = Trigger.STALE, "stale", Side.NONE, episode + STALE_SUFFIX
    return replace(
        _event(scores, i, about),
        id=episode + END_SUFFIX,
        value=about.value if math.isfinite(about.value) else ended.value,
        score=ended.score,
        threshold=ended.threshold,
        family=family,
        expected=_expected(scores, i, about.rules, Trigger.SCORE),
        kind=Kind.RECOVERED,
        direction=side,
        trigger=trigger,
        scored_value=ended.value if math.isfinite(ended.value) else None,
        episode=episode,
        episode_start=ended.episode,
        ending=_ENDINGS[ended.how],
    )


def event_id(series: Series, time: float) -> str:
    """Of what a sample of this time raised."""
    return f"{series.id}-{time * 1000:.0f}"


def _event(scores: Scores, i: int, about: Context) -> Anomaly:
    """What every event of a sample tells; the rest is to be filled in."""
    return Anomaly(
        id="",
        metric=about.series.metric,
        labels=about.series.labels,
        time=about.time,
        value=about.value,
        score=0.0,
        threshold=0.0,
        family="",
        z=scores.z[i],
        mean=scores.mean[i],
        std=scores.std[i],
        n=scores.n[i],
        expected=(0.0, 0.0),
        method=about.method.name,
        transform=about.transform,
        span_seconds=about.span_seconds,
        rule=about.rules.name,
    )


def _family(method: Method, number: int) -> str:
    return "validRange" if number == OUT_OF_RANGE else method.families[number]


def _expected(scores: Scores, i: int, rules: Rules, trigger: Trigger) -> tuple[float, float]:
    """The band in which the value would have raised no eyebrow."""
    if trigger is Trigger.OUT_OF_RANGE:
        return max(rules.lowest, -LARGEST_VALUE), min(rules.highest, LARGEST_VALUE)
    mean, std = scores.mean[i], scores.std[i]
    margin = max(
        rules.threshold * scale(mean, std),
        rules.min_abs_deviation,
        rules.min_rel_deviation * abs(mean),
    )
    return mean - margin, mean + margin


_ENDINGS = {
    CALM: Ending.CALM,
    NEW_NORMAL: Ending.NEW_NORMAL,
    REPORTING: Ending.REPORTING,
    RESTARTED: Ending.RESTARTED,
    ENDED: Ending.CLOSED,
}
