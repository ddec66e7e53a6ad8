"""Conditions as the API keeps them, made from verdicts; Ready is derived, never set.

Pure; called by `status.compute`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from anomaly_operator.status.reasons import Reason

Status = Literal["True", "False", "Unknown"]
Condition = dict[str, Any]


class Type(StrEnum):
    """The conditions of a pipeline."""

    READY = "Ready"
    SPEC_VALID = "SpecValid"
    REFERENCES_RESOLVED = "ReferencesResolved"
    APPLIED = "Applied"
    WORKLOAD_AVAILABLE = "WorkloadAvailable"
    REDIS_REACHABLE = "RedisReachable"
    ROUTE_ACCEPTED = "RouteAccepted"
    AUTOSCALING_ACTIVE = "AutoscalingActive"
    MONITORING_CONFIGURED = "MonitoringConfigured"
    DATA_FLOWING = "DataFlowing"
    PAUSED = "Paused"


MAKE_READY = (
    Type.SPEC_VALID,
    Type.REFERENCES_RESOLVED,
    Type.APPLIED,
    Type.REDIS_REACHABLE,
    Type.WORKLOAD_AVAILABLE,
    Type.ROUTE_ACCEPTED,
)
"""What must hold for Ready, the likeliest root cause first: pods need Redis to become ready."""

_MESSAGE_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found."""

    status: Status
    reason: Reason
    message: str


def yes(reason: Reason, message: str) -> Verdict:
    """It holds."""
    return Verdict("True", reason, message)


def no(reason: Reason, message: str) -> Verdict:
    """It does not."""
    return Verdict("False", reason, message)


def unknown(reason: Reason, message: str) -> Verdict:
    """It cannot be told now."""
    return Verdict("Unknown", reason, message)


def ready(verdicts: Mapping[Type, Verdict]) -> Verdict:
    """The sum: False before Unknown before True, the first of each in order.

    What somebody wants so comes before all that follows from it.
    """
    workload = verdicts.get(Type.WORKLOAD_AVAILABLE)
    if workload is not None and workload.reason is Reason.SUSPENDED:
        return workload
    for status in ("False", "Unknown"):
        for type_ in MAKE_READY:
            verdict = verdicts.get(type_)
            if verdict is not None and verdict.status == status:
                return verdict
    return yes(Reason.READY, "Samples are taken and scored.")


def merge(
    before: Iterable[Condition], verdicts: Mapping[Type, Verdict], generation: int, now: str
) -> list[Condition]:
    """The new list: what has no verdict stays as it was; times move only with the status."""
    old = {condition["type"]: condition for condition in before}
    merged = []
    for type_ in Type:
        verdict = verdicts.get(type_)
        known = old.get(type_.value)
        if verdict is None:
            if known is not None:
                merged.append(known)
            continue
        same = known is not None and known["status"] == verdict.status
        merged.append(
            {
                "type": type_.value,
                "status": verdict.status,
                "reason": verdict.reason.value,
                "message": verdict.message[:_MESSAGE_LENGTH],
                "observedGeneration": generation,
                "lastTransitionTime": known["lastTransitionTime"] if same and known else now,
            }
        )
    return merged


def find(conditions: Iterable[Condition], type_: Type) -> Condition | None:
    """One condition of a list."""
    return next((found for found in conditions if found["type"] == type_.value), None)
