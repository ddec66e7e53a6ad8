"""Telegraf's own JSON, which `outputs.http` sends with `data_format = "json"`: one metric or many.

`native.py` asks here about a body that holds no sample of its own form. A metric has several
fields; each that is a number is a sample named `<metric>_<field>`, as in line protocol, with the
tags as labels. Texts and truth values are no measurements: they are left out and are no fault.
"""

from __future__ import annotations

import math

import msgspec

from anomaly_dataplane.ingest.known_series import MAX_LABELS_BYTES, checked_series
from anomaly_dataplane.ingest.parsed import BadSample, Cause, Parsed, Rejection, too_many
from anomaly_dataplane.ingest.salvage import has_too_many_marks
from anomaly_dataplane.ingest.spellings import MAX_BYTES, MAX_SPELLING_BYTES, MAX_SPELLINGS
from anomaly_dataplane.ingest.timestamps import BadTimestamp, milliseconds, next_untimed
from anomaly_dataplane.sample import Batch
from anomaly_dataplane.series import Series, SeriesTable

_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError)

_Number = int | float


class _Metric(msgspec.Struct, gc=False):
    name: str
    fields: dict[str, _Number | bool | str | None]
    tags: msgspec.Raw = msgspec.Raw(b"{}")
    timestamp: int | float | str | None = None


class _Batch(msgspec.Struct, gc=False):
    metrics: list[_Metric]


_batch = msgspec.json.Decoder(_Batch)
_metric = msgspec.json.Decoder(_Metric)
_tags = msgspec.json.Decoder(dict[str, str] | None)


class TelegrafParser:
    """Parses bodies of at most `max_samples` samples."""

    def __init__(self, table: SeriesTable, max_samples: int) -> None:
        self._table = table
        self._max_samples = max_samples
        self._known: dict[tuple[str, bytes], dict[str, Series]] = {}
        self._count = 0
        self._bytes = 0

    def parse(self, body: bytes, now_ms: float) -> Parsed | None:
        """The samples of a body; None if it is not Telegraf's.

        Raises:
            BatchTooLarge: more samples than a request may have.
        """
        # Before it is decoded, and not after: fields take a hundred times their bytes.
        metrics = None if has_too_many_marks(body, self._max_samples) else _metrics(body)
        if metrics is None:
            return None
        parsed = Parsed(Batch([], [], []))
        batch = parsed.batch
        for metric in metrics:
            try:
                time_ms = now_ms if metric.timestamp is None else milliseconds(metric.timestamp)
                bad = None
            except BadTimestamp as fault:
                time_ms, bad = 0.0, BadSample(Cause.TIMESTAMP, str(fault))
            for name, value in metric.fields.items():
                if value.__class__ is not float and value.__class__ is not int:
                    continue
                if parsed.total >= self._max_samples:
                    raise too_many(self._max_samples)
                try:
                    if bad is not None:
                        raise bad
                    number = _finite(value)
                    series = self._series(metric, name)
                except BadSample as fault:
                    reason = f"{metric.name[:60]} {name[:60]}: {fault.reason}"
                    parsed.rejected.append(Rejection(parsed.total, fault.cause, reason))
                    continue
                batch.series.append(series)
                batch.times.append(time_ms)
                batch.values.append(number)
            if metric.timestamp is None:
                now_ms = next_untimed(now_ms)
        return parsed

    def _series(self, metric: _Metric, field: str) -> Series:
        key = metric.name, bytes(metric.tags)
        fields = self._known.get(key)
        series = fields.get(field) if fields is not None else None
        if series is not None:
            return series
        if len(key[1]) > MAX_LABELS_BYTES:
            raise BadSample(Cause.SERIES, f"has {len(key[1])} bytes of tags")
        try:
            labels = _tags.decode(metric.tags) or {}
        except _FAULTS:
            raise BadSample(Cause.FIELD, "tags must be an object of strings") from None
        series = checked_series(self._table, f"{metric.name}_{field}", labels)
        if len(key[1]) <= MAX_SPELLING_BYTES:
            self._remember(key, field, series)
        return series

    def _remember(self, key: tuple[str, bytes], field: str, series: Series) -> None:
        """Keep which series a field of a metric with these tags is, within bounds."""
        size = len(field) + (0 if key in self._known else len(key[0]) + len(key[1]))
        if self._count >= MAX_SPELLINGS or self._bytes + size > MAX_BYTES:
            self._known.clear()
            self._count = self._bytes = 0
        self._known.setdefault(key, {})[field] = series
        self._count += 1
        self._bytes += size


def _metrics(body: bytes) -> list[_Metric] | None:
    try:
        return _batch.decode(body).metrics
    except _FAULTS:
        pass
    try:
        return [_metric.decode(body)]
    except _FAULTS:
        return None


def _finite(value: _Number) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadSample(Cause.VALUE, "the value must be a finite number")
    return number
