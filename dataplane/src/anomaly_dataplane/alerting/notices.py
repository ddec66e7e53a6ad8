"""Which alerts are to be told of, and when: opened, updated, resolved.

Pure; `stage.py` asks about each alert whenever something may have become due.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from anomaly_dataplane.alerting.alert import Alert, Kind, State
from anomaly_dataplane.alerting.episodes import kept_ms

GATHER_MS = 4_000
"""How long the alert of a series that belongs to a group waits to be told, from when a pod heard of
it, so that a whole device in trouble is one alert and not one for each of its series."""


class What(StrEnum):
    """What happened to an alert."""

    OPENED = "Opened"
    UPDATED = "Updated"
    RESOLVED = "Resolved"


class Notice(msgspec.Struct, frozen=True):
    """One thing to tell. `id` is the same however often it is sent."""

    id: str
    what: What
    at_ms: int
    alert: Alert


@dataclass(frozen=True, slots=True)
class Manners:
    """How people want to be told.

    Attributes:
        cool_down_ms: the least time between two notices of one alert; a resolve never waits.
        group_label: whose alerts wait for GATHER_MS; "" if nothing is grouped.
    """

    cool_down_ms: float
    group_label: str


def due(
    alert: Alert, now_ms: int, hush: Callable[[Alert, int], str], manners: Manners
) -> tuple[Alert, Notice | None]:
    """The alert after this moment, and what is to be told of it now.

    Args:
        alert: as it is.
        now_ms: Unix time.
        hush: says why an alert is not to be told of just now, "" if it is. What was told to be open
            is told to be resolved all the same.
        manners: of the pipeline.
    """
    what = _what(alert, now_ms, manners)
    if what is None and alert.told_open_ms:
        return alert, None
    # Also while it waits: its group, or the window, may be over before it would be told.
    why = hush(alert, now_ms) if what is not What.RESOLVED else ""
    if why:
        return (alert if alert.hush == why else replace(alert, hush=why)), None
    if what is None:
        return alert, None
    told = replace(
        alert,
        hush="",
        told=what is not What.RESOLVED,
        told_ms=now_ms,
        told_open_ms=now_ms if what is What.OPENED else alert.told_open_ms,
        told_anomalies=alert.anomalies,
    )
    identity = f"{alert.id}-{what.lower()}"
    if what is What.UPDATED:
        identity += f"-{alert.anomalies}"
    shown = told
    if what is What.OPENED and not told.is_open:
        shown = replace(told, state=State.OPEN, resolved_ms=0, ending="")
    return told, Notice(identity, what, now_ms, shown)


def quiet_until(alert: Alert, resolve_after_ms: float, manners: Manners) -> float:
    """Unix time in milliseconds before which neither `settled` nor `due` changes the alert.

    Zero where that depends on more than time: then it is to be looked at whenever one may. Most
    alerts that a pod keeps are told and over, or told and going on, and need no look for minutes.
    """
    if not alert.told_open_ms or alert.told is not alert.is_open:
        return 0.0
    if not alert.is_open:
        return alert.resolved_ms + kept_ms(manners.cool_down_ms)
    until = alert.updated_ms + resolve_after_ms if alert.kind is Kind.SERIES else math.inf
    if alert.anomalies > alert.told_anomalies:
        until = min(until, alert.told_ms + manners.cool_down_ms)
    return until


def _what(alert: Alert, now_ms: int, manners: Manners) -> What | None:
    if alert.told and not alert.is_open:
        return What.RESOLVED
    # A trouble that was over before anybody could be told is told all the same, and then that it is
    # over; but not one that came and went while its predecessor cooled down, or hushed.
    now_or_then_ms = now_ms if alert.is_open else min(now_ms, alert.resolved_ms)
    if now_or_then_ms < alert.told_ms + manners.cool_down_ms:
        return None
    if alert.told:
        return What.UPDATED if alert.anomalies > alert.told_anomalies else None
    if not alert.is_open and (alert.told_open_ms or alert.hush):
        return None
    grouped = alert.kind is Kind.SERIES and manners.group_label in alert.labels
    since_ms = max(alert.opened_ms, alert.taken_ms)
    return None if grouped and now_ms < since_ms + GATHER_MS else What.OPENED
