"""Observed -> the status of a pipeline: conditions, endpoint, figures.

Pure; called by `reconcile`. What changes all the time is rounded here, so that a pipeline in a
steady state is not written to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from anomaly_operator import kinds, names, observe
from anomaly_operator.errors import InvalidSpec
from anomaly_operator.spec import Pipeline
from anomaly_operator.status import checks, conditions, route
from anomaly_operator.status.conditions import Type
from anomaly_operator.status.figures import rounded, timestamp
from anomaly_operator.status.reasons import Reason

Status = dict[str, Any]

FIGURES = ("samplesPerSecond", "series", "anomaliesLastHour", "lastSampleTime")
"""What changes at most once a minute."""


def compute(
    pipeline: Pipeline,
    observed: observe.Observed,
    before: Mapping[str, Any],
    *,
    fresh_figures: bool,
) -> Status:
    """The new status.

    Args:
        pipeline: what is wanted.
        observed: what is.
        before: the status as it was.
        fresh_figures: whether the figures may change now.
    """
    # The first rate is news: it need not wait for the minute that began with the first figures.
    first_rate = observed.samples_per_second is not None and "samplesPerSecond" not in before
    fresh_figures = fresh_figures or first_rate
    verdicts = checks.verdicts(pipeline, observed)
    verdicts[Type.READY] = conditions.ready(verdicts)
    if not fresh_figures:
        _keep_words(verdicts, Type.DATA_FLOWING, before)
    workload = observed.child(kinds.DEPLOYMENT, names.dataplane(pipeline.name))
    status: Status = {
        "observedGeneration": pipeline.generation,
        "conditions": conditions.merge(
            before.get("conditions") or (), verdicts, pipeline.generation, timestamp(observed.now)
        ),
        "endpoint": route.endpoint(pipeline, observed),
        "replicas": int(workload.status.get("replicas", 0)) if workload is not None else 0,
        "readyReplicas": observe.ready_replicas(workload),
        "selector": observe.selector(pipeline.name, names.DATAPLANE),
        "image": pipeline.image,
    }
    figures = _figures(observed) if fresh_figures else {}
    for name in FIGURES:
        if name in figures:
            status[name] = figures[name]
        elif name in before:
            status[name] = before[name]
    return status


def _keep_words(
    verdicts: dict[Type, conditions.Verdict], type_: Type, before: Mapping[str, Any]
) -> None:
    """Let a message that holds figures stay as it was while nothing else changes."""
    found, known = verdicts[type_], conditions.find(before.get("conditions") or (), type_)
    if known is not None and (known["status"], known["reason"]) == (found.status, found.reason):
        verdicts[type_] = replace(found, message=known["message"])


def invalid(
    error: InvalidSpec, generation: int, before: Mapping[str, Any], now: datetime
) -> Status:
    """The new status of a pipeline that cannot be read; its children stay as they are."""
    verdict = conditions.no(Reason.INVALID_SPEC, str(error))
    verdicts = {Type.SPEC_VALID: verdict, Type.READY: verdict}
    merged = conditions.merge(before.get("conditions") or (), verdicts, generation, timestamp(now))
    return {**before, "observedGeneration": generation, "conditions": merged}


def purging(what: str, generation: int, before: Mapping[str, Any], now: datetime) -> Status:
    """The new status of a pipeline that is being deleted, and whose state goes first."""
    verdicts = {Type.READY: conditions.no(Reason.PURGING, what)}
    merged = conditions.merge(before.get("conditions") or (), verdicts, generation, timestamp(now))
    return {**before, "observedGeneration": generation, "conditions": merged}


def _figures(observed: observe.Observed) -> Status:
    stats = observed.stats
    if stats is None:
        return {}
    if not stats.redis_up:  # where they are kept
        return {"samplesPerSecond": rounded(0.0)}
    figures: Status = {"series": stats.series, "anomaliesLastHour": stats.anomalies_last_hour}
    if observed.samples_per_second is not None:
        figures["samplesPerSecond"] = rounded(observed.samples_per_second)
    if stats.last_sample is not None:
        figures["lastSampleTime"] = timestamp(stats.last_sample.replace(second=0, microsecond=0))
    return figures
