"""Samples of the past, which warm a pipeline up: learnt like any others, and nobody hears of them.

`native_dialect.py` calls it for `POST /api/v1/backfill`.
"""

from __future__ import annotations

from anomaly_dataplane.ingest.parsed import Cause, Parsed

NOT_PAST = "history needs a timestamp in the past; samples of now go to /api/v1/ingest"


def as_history(parsed: Parsed, now_ms: float) -> Parsed:
    """The samples of a request as history, those that are not of the past rejected.

    One without a timestamp would be taken for one of now, and make all history after it late.
    """
    parsed.batch.history = True
    refused = {
        i: (Cause.TIMESTAMP, NOT_PAST)
        for i, time in enumerate(parsed.batch.times)
        if time >= now_ms
    }
    return parsed.without(refused) if refused else parsed
