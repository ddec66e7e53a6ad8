"""Turns away samples that must not reach a window, whatever protocol brought them.

`routes.py` calls it between parser and buffer. Lateness is not judged here: that takes the state of
the series, so the commit does it.
"""

from __future__ import annotations

from anomaly_dataplane.ingest.parsed import Cause, Parsed, Rejection
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.sample import Batch

_LAST_MS = 253_402_300_799_000.0
"""The end of the year 9999: the last moment that RFC 3339 can write."""


def admit(parsed: Parsed, now_ms: float, max_future_seconds: float) -> Parsed:
    """Reject the samples whose time is further ahead of the pod's clock than allowed.

    One such sample would make all honest ones after it late.
    """
    times = parsed.batch.times
    horizon_ms = now_ms + max_future_seconds * 1e3
    if not times or max(times) <= horizon_ms:
        return parsed
    batch = parsed.batch
    kept = Batch([], [], [], batch.size_bytes)
    rejected = list(parsed.rejected)
    for i, position in enumerate(parsed.positions()):
        if times[i] <= horizon_ms:
            kept.series.append(batch.series[i])
            kept.times.append(times[i])
            kept.values.append(batch.values[i])
            continue
        shown = rfc3339(min(times[i], _LAST_MS))
        reason = (
            f"timestamp {shown} is {(times[i] - now_ms) / 1e3:.0f} s ahead of the pod's clock; "
            f"{max_future_seconds:g} s are allowed (spec.ingest.maxFuture)"
        )
        rejected.append(Rejection(position, Cause.FUTURE, reason))
    rejected.sort(key=lambda rejection: rejection.index)
    return Parsed(kept, rejected)
