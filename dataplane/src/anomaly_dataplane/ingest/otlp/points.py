"""From a point, however it was written, to samples or to the reason why it is none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from anomaly_dataplane.ingest.known_series import KnownSeries
from anomaly_dataplane.ingest.otlp.attributes import Attribute, joined
from anomaly_dataplane.ingest.otlp.names import metric_name
from anomaly_dataplane.ingest.parsed import BadSample, Cause, Parsed, Rejection
from anomaly_dataplane.series import Series, SeriesTable

DELTA, CUMULATIVE = 1, 2
"""Aggregation temporalities."""

NO_RECORDED_VALUE = 1
"""The flag of a point that says that its series has ended."""

UNSUPPORTED = {
    "exponential_histogram": "exponential histograms are not scored; send explicit buckets",
    "summary": "summaries are not scored; send gauges, sums or histograms",
}
"""Kinds of metrics that are rejected, and what is said of them."""

_LATEST_NANOS = 2**63


class SeriesOfPoints:
    """Finds the series of points."""

    def __init__(self, table: SeriesTable) -> None:
        self._known = KnownSeries(table)

    def one(
        self,
        name: str,
        resource: Mapping[str, str],
        attributes: Iterable[Attribute],
        *,
        cumulative: bool,
        part: str = "",
    ) -> Series:
        """The series of a metric's point.

        Args:
            name: of the metric, as it was sent.
            resource: its labels.
            attributes: of the point.
            cumulative: its values only grow.
            part: which figure of the point, as the end of the name.

        Raises:
            BadSample: it has no name, or is beyond a limit.
        """
        if not name:
            raise BadSample(Cause.SERIES, "a metric has no name")
        series = self._known.resolve(metric_name(name) + part, joined(resource, attributes), None)
        if cumulative:
            series.cumulative = True
        return series


def time_ms(nanos: int) -> float:
    """Unix milliseconds of a point's time, as all protocols round them.

    Raises:
        BadSample: there is none, or none of this age.
    """
    if not 0 < nanos < _LATEST_NANOS:
        raise BadSample(Cause.TIMESTAMP, "timeUnixNano is missing or far off")
    return (nanos / 1e3 + 0.5) // 1.0 / 1e3


def add(parsed: Parsed, series: Series, at_ms: float, value: float) -> None:
    """Add a sample, unless it says that there is no value."""
    if math.isfinite(value):
        batch = parsed.batch
        batch.series.append(series)
        batch.times.append(at_ms)
        batch.values.append(value)
    else:
        parsed.valueless += 1


def reject(parsed: Parsed, cause: Cause, name: str, reason: str) -> None:
    """Add the rejection of the sample that is next."""
    parsed.rejected.append(Rejection(parsed.total, cause, f"{name[:100] or 'a metric'}: {reason}"))
