"""From anomalies to alerts: one open alert a series and side, however many anomalies it has.

Pure; `stage.py` calls it for each entry of the outbox, in the order in which they were committed.
"""

from __future__ import annotations

from collections.abc import MutableMapping

from msgspec.structs import replace

from anomaly_dataplane.alerting.alert import Alert, Kind, Sighting, State, key_of_series
from anomaly_dataplane.sample import Anomaly, Side, Trigger
from anomaly_dataplane.sample import Kind as Event
from anomaly_dataplane.store.keys import STATE_TTL_MS

NEWS_MS = 3_600_000
"""An anomaly that was committed longer ago opens no alert: that would be history, not news."""

KEPT_RESOLVED_MS = 900_000
"""How long a resolved alert stays: Alertmanager is told of it again and again, and an anomaly
soon after is the same trouble come back."""

TIMEOUT = "Timeout"
"""The ending of an alert that nobody heard of for so long that it cannot go on."""


def fold(alerts: MutableMapping[str, Alert], event: Anomaly, at_ms: int, now_ms: int) -> None:
    """Take one event of the outbox, committed at `at_ms`, into the alerts."""
    series = series_of(event)
    if event.kind is Event.RECOVERED:
        for side in Side:
            known = alerts.get(key_of_series(series, side))
            if known is not None and known.is_open and known.episode in ("", event.episode):
                alerts[known.key] = resolved(known, at_ms, event.ending)
    elif now_ms - at_ms <= NEWS_MS:
        key = key_of_series(series, event.direction)
        alerts[key] = _raised(alerts.get(key), key, event, at_ms, now_ms)


def series_of(event: Anomaly) -> str:
    """The id of the series that an event is about."""
    return event.id.partition("-")[0]


def _raised(known: Alert | None, key: str, event: Anomaly, at_ms: int, now_ms: int) -> Alert:
    last = Sighting(
        anomaly=event.id,
        time=event.time,
        value=event.value,
        score=event.score,
        threshold=event.threshold,
        family=event.family,
        expected=event.expected,
    )
    if known is None or _is_done(known):
        return Alert(
            key=key,
            id=f"{key.replace('/', '-')}-{at_ms}",
            kind=Kind.SERIES,
            metric=event.metric,
            labels=event.labels,
            direction=event.direction,
            state=State.OPEN,
            started_ms=min(event.time, at_ms),
            opened_ms=at_ms,
            updated_ms=at_ms,
            taken_ms=now_ms,
            series=series_of(event),
            episode=event.episode,
            trigger=event.trigger,
            peak=event.score,
            last=last,
            # The cool-down counts from what was last told of its predecessor.
            told_ms=known.told_ms if known is not None else 0,
        )
    return replace(
        known,
        state=State.OPEN,
        resolved_ms=0,
        ending="",
        updated_ms=max(known.updated_ms, at_ms),
        episode=event.episode,
        trigger=event.trigger,
        anomalies=known.anomalies + 1,
        peak=max(known.peak, event.score),
        last=last,
    )


def _is_done(alert: Alert) -> bool:
    """Whether an anomaly now is another trouble.

    An alert that its receivers have not heard to be resolved goes on as if it never was; but not
    one that is over and of which they never will hear.
    """
    heard = alert.told_open_ms or alert.hush
    return not alert.is_open and not alert.told and bool(heard)


def settled(
    alert: Alert, now_ms: int, resolve_after_ms: float, cool_down_ms: float
) -> Alert | None:
    """The alert after some time without anomalies: resolved; and after some more, None.

    A silence is told once and goes on until the series reports again, or until its state is
    forgotten, after which nobody could tell that it is back.
    """
    if alert.is_open:
        if alert.trigger == Trigger.STALE:
            resolve_after_ms = max(resolve_after_ms, STATE_TTL_MS)
        if alert.kind is Kind.SERIES and now_ms - alert.updated_ms >= resolve_after_ms:
            return resolved(alert, now_ms, TIMEOUT)
        return alert
    if now_ms - alert.resolved_ms >= kept_ms(cool_down_ms) and not alert.told:
        return None
    return alert


def kept_ms(cool_down_ms: float) -> float:
    """How long a resolved alert stays."""
    return max(KEPT_RESOLVED_MS, cool_down_ms)


def resolved(alert: Alert, at_ms: int, ending: str) -> Alert:
    """The alert, its trouble over."""
    resolved_ms = max(at_ms, alert.opened_ms + 1)
    return replace(alert, state=State.RESOLVED, resolved_ms=resolved_ms, ending=ending)
