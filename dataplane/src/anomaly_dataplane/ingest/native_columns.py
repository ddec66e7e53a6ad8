"""Puts decoded native samples into columns.

A kernel: `native.py` calls it, once a request, and it does a few small things for every sample.
"""

from __future__ import annotations

from anomaly_dataplane.ingest.known_series import KnownSeries, text_of
from anomaly_dataplane.ingest.native_sample import NO_LABELS, Sample
from anomaly_dataplane.ingest.timestamps import (
    MICROSECONDS_BELOW,
    MILLISECONDS_BELOW,
    SECONDS_BELOW,
    milliseconds,
    next_untimed,
)
from anomaly_dataplane.sample import Batch

_NO_TEXT = bytes(NO_LABELS)


def columns(samples: list[Sample], known: KnownSeries, now_ms: float) -> Batch:
    """The samples as columns; those without timestamp are of `now_ms`.

    Raises:
        BadSample, BadTimestamp, msgspec.MsgspecError, UnicodeDecodeError, OverflowError: one of
            them cannot be taken.
    """
    by_text = known.by_text
    series = []
    times = []
    values = []
    untimed_ms = now_ms
    for i in range(len(samples)):
        sample = samples[i]
        labels = sample.labels
        text = _NO_TEXT if labels is NO_LABELS else bytes(labels)
        metric, device_id = sample.metric, sample.device_id
        found = by_text.get(text if device_id is None else text_of(text, device_id))
        if isinstance(found, dict):
            found = found.get(metric)
        if found is None or found.metric != metric:
            found = known.learn((metric, text, device_id))
        series.append(found)
        values.append(sample.value)
        raw = sample.timestamp
        if raw is None:
            times.append(untimed_ms)
            untimed_ms = next_untimed(untimed_ms)
            continue
        if isinstance(raw, str):
            times.append(milliseconds(raw))
            continue
        # The lines of `timestamps.milliseconds`, here because a call a sample is a third more.
        number = float(raw)
        if 0.0 <= number < SECONDS_BELOW:
            times.append((number * 1e6 + 0.5) // 1.0 / 1e3)
        elif SECONDS_BELOW <= number < MILLISECONDS_BELOW:
            times.append((number * 1e3 + 0.5) // 1.0 / 1e3)
        elif MILLISECONDS_BELOW <= number < MICROSECONDS_BELOW:
            times.append((number + 0.5) // 1.0 / 1e3)
        else:
            times.append(milliseconds(raw))
    return Batch(series, times, values)
