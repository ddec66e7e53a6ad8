"""Samples of the past, which warm a pipeline up: learnt like any others, and nobody hears of them.

`native_dialect.py` calls it for `POST /api/v1/backfill`.
"""

from __future__ import annotations

from anomaly_dataplane.ingest.parsed import Cause, Parsed, Rejection
from anomaly_dataplane.sample import Batch

NOT_PAST = "history needs a timestamp in the past; samples of now go to /api/v1/ingest"


def as_history(parsed: Parsed, now_ms: float) -> Parsed:
    """The samples of a request as history, those that are not of the past rejected.

    One without a timestamp would be taken for one of now, and make all history after it late.
    """
    batch = parsed.batch
    if not batch.times or max(batch.times) < now_ms:
        batch.history = True
        return parsed
    kept = Batch([], [], [], batch.size_bytes, history=True)
    rejected = list(parsed.rejected)
    for i, position in enumerate(parsed.positions()):
        if batch.times[i] < now_ms:
            kept.series.append(batch.series[i])
            kept.times.append(batch.times[i])
            kept.values.append(batch.values[i])
        else:
            rejected.append(Rejection(position, Cause.TIMESTAMP, NOT_PAST))
    rejected.sort(key=lambda rejection: rejection.index)
    return Parsed(kept, rejected)
