"""From a kernel's scores to what people see: verdicts of a batch, and anomalies with their why."""

from __future__ import annotations

from collections.abc import Sequence

from anomaly_dataplane.detectors.method import Method
from anomaly_dataplane.detectors.rules import Rules
from anomaly_dataplane.detectors.scores import Scores
from anomaly_dataplane.detectors.window import scale
from anomaly_dataplane.sample import Anomaly, Side, Verdicts
from anomaly_dataplane.series import Series


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


def anomaly(
    series: Series,
    time: float,
    value: float,
    scores: Scores,
    i: int,
    rules: Rules,
    method: Method,
) -> Anomaly:
    """The anomaly that sample `i` of a scored group raised."""
    mean, std = scores.mean[i], scores.std[i]
    score, family = scores.raised[i]
    margin = max(
        rules.threshold * scale(mean, std),
        rules.min_abs_deviation,
        rules.min_rel_deviation * abs(mean),
    )
    name = f"{series.id}-{time * 1000:.0f}"
    return Anomaly(
        id=name,
        metric=series.metric,
        labels=series.labels,
        time=time,
        value=value,
        score=score,
        threshold=rules.alarm_score,
        family=method.families[family],
        z=scores.z[i],
        mean=mean,
        std=std,
        n=scores.n[i],
        expected=(mean - margin, mean + margin),
        direction=Side.BELOW if value < mean else Side.ABOVE,
        method=method.name,
        scored_value=value,
        episode=name,
        episode_start=time,
    )
