"""Turns away samples that must not reach a window, whatever protocol brought them.

`intake.py` calls it between parser and buffer. Lateness is not judged here: that takes the state of
the series, so the commit does it.
"""

from __future__ import annotations

from anomaly_dataplane.ingest.parsed import Cause, Parsed
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.sample import LARGEST_VALUE

_LAST_MS = 253_402_300_799_000.0
"""The end of the year 9999: the last moment that RFC 3339 can write."""


def admit(parsed: Parsed, now_ms: float, max_future_seconds: float) -> Parsed:
    """Reject the samples whose time or value would spoil their series.

    A time further ahead of the pod's clock than allowed would make all honest ones after it late;
    a value beyond LARGEST_VALUE would leave nothing but infinities in its window.
    """
    batch = parsed.batch
    if not batch.series:
        return parsed
    horizon_ms = now_ms + max_future_seconds * 1e3
    largest = max(max(batch.values), -min(batch.values))
    if max(batch.times) <= horizon_ms and largest <= LARGEST_VALUE:
        return parsed
    refused: dict[int, tuple[Cause, str]] = {}
    for i, (time, value) in enumerate(zip(batch.times, batch.values, strict=True)):
        if abs(value) > LARGEST_VALUE:
            reason = f"value {value:g} is beyond {LARGEST_VALUE:g}, more than anything measures"
            refused[i] = Cause.VALUE, reason
        elif time > horizon_ms:
            shown = rfc3339(min(time, _LAST_MS))
            reason = (
                f"timestamp {shown} is {(time - now_ms) / 1e3:.0f} s ahead of the pod's clock; "
                f"{max_future_seconds:g} s are allowed (spec.ingest.maxFuture)"
            )
            refused[i] = Cause.FUTURE, reason
    return parsed.without(refused)
