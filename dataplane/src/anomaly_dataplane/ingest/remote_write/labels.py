"""From Prometheus' labels to a series. `v1` and `v2` call it for spellings they do not know."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from anomaly_dataplane.ingest.known_series import KnownSeries
from anomaly_dataplane.ingest.parsed import BadSample, Cause
from anomaly_dataplane.series import Series

NAME_LABEL = "__name__"

_COUNTER_SUFFIX = "_total"
_PART_SUFFIXES = ("_bucket", "_count", "_sum")
"""Of histograms and summaries. Prometheus' own linter forbids these and `_total` to gauges."""


class Kind(IntEnum):
    """Of a metric, as the messages number it."""

    UNSPECIFIED = 0
    COUNTER = 1
    GAUGE = 2
    HISTOGRAM = 3
    GAUGE_HISTOGRAM = 4
    SUMMARY = 5


def series_of(
    labels: Iterable[tuple[str, str]], known: KnownSeries, kind: int = Kind.UNSPECIFIED
) -> Series:
    """The series of these labels, marked as cumulative if it counts up.

    Raises:
        BadSample: the labels are none of a series, or beyond a limit.
    """
    pairs = list(labels)
    named = dict(pairs)
    if len(named) != len(pairs):
        twice = next(name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i]))
        raise BadSample(Cause.SERIES, f"label {twice[:40]!r} is there twice")
    metric = named.pop(NAME_LABEL, "")
    if not metric:
        raise BadSample(Cause.SERIES, f"the label {NAME_LABEL} is missing")
    # To Prometheus a label without value is no label.
    series = known.resolve(metric, {name: value for name, value in named.items() if value}, None)
    if counts_up(metric, kind):
        series.cumulative = True
    return series


def counts_up(metric: str, kind: int) -> bool:
    """Whether a metric only grows: by its kind if that was said, else by the rules for names."""
    if kind == Kind.UNSPECIFIED:
        return metric.endswith((_COUNTER_SUFFIX, *_PART_SUFFIXES))
    if kind in (Kind.HISTOGRAM, Kind.SUMMARY):
        return metric.endswith(_PART_SUFFIXES)
    return kind == Kind.COUNTER
