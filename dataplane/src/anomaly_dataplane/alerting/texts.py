"""An alert in words: for Alertmanagers, webhooks and the API. Pure."""

from __future__ import annotations

import math

from anomaly_dataplane.alerting.alert import Alert, Kind
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.sample import Ending

_SILENCE: dict[str, str] = {Ending.REPORTING: "reports again", Ending.CLOSED: "has ended"}
_OVER: dict[str, str] = {
    Ending.NEW_NORMAL: "has a new normal",
    Ending.RESTARTED: "has started over",
    Ending.CLOSED: "has ended",
}


def texts_of(alert: Alert) -> dict[str, str]:
    """What people read."""
    texts = {
        "summary": summary(alert),
        "anomalies": str(alert.anomalies),
        "alert_id": alert.id,
    }
    last = alert.last
    if last is not None:
        texts |= {
            "value": plain(last.value, 6),
            "expected": f"{plain(last.expected[0], 6)} to {plain(last.expected[1], 6)}",
            "score": f"{last.score:.3g}",
            "threshold": f"{last.threshold:g}",
            "family": last.family,
            "last_anomaly": last.anomaly,
            "last_time": rfc3339(last.time),
        }
    if alert.ending:
        texts["ending"] = alert.ending
    return {name: text for name, text in texts.items() if text}


def summary(alert: Alert) -> str:
    """One line about an alert: what is wrong, or that it is not any more."""
    of = ", ".join(f"{name}={value}" for name, value in alert.labels.items())
    if alert.kind is Kind.GROUP:
        count, size = alert.members
        at_once = "are anomalous at once" if alert.is_open else "are still anomalous"
        return f"{count} of {size} series of {of} {at_once}"
    name = f"{alert.metric} ({of})" if of else alert.metric
    if alert.last is None or alert.direction == "None":
        return f"{name} {_SILENCE.get(alert.ending, 'has stopped reporting')}"
    low, high = map(plain, alert.last.expected)
    what = f"{plain(alert.last.value)}, {alert.direction.lower()} the expected {low} to {high}"
    if alert.is_open:
        return f"{name} is {what}"
    return f"{name} {_OVER.get(alert.ending, 'is no longer anomalous')}; it was {what}"


def plain(value: float, digits: int = 4) -> str:
    """A number as people write it: so many digits count, and no exponent but where it must be."""
    if value == 0 or not 1e-4 <= abs(value) < 1e15:
        return f"{value:.{digits}g}"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
