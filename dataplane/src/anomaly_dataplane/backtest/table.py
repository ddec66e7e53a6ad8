"""A CSV file of samples, as columns in the order of time. Pure but for the reading itself.

Three shapes, told apart by the header: `timestamp,value` (one series, named after the file);
`timestamp,metric,value` with any further columns as labels; and `timestamp` with a column for each
metric, where an empty cell is no sample.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from anomaly_dataplane.ingest.timestamps import BadTimestamp, milliseconds
from anomaly_dataplane.sample import LARGEST_VALUE
from anomaly_dataplane.series import Series, SeriesTable

TIME_NAMES = ("timestamp", "time", "ts", "datetime", "date")
_METRIC, _VALUE = "metric", "value"
_EXAMPLES = (
    "write 2026-01-01T00:00:00Z, 2026-01-01 00:00:00, 2026-01-01 or seconds since 1970 (1767225600)"
)


class BadTable(Exception):
    """A file that cannot be used at all; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line, from 1, of which a sample could not be used."""

    line: int
    reason: str


@dataclass(slots=True)
class Samples:
    """The samples of a file, as columns of equal length, sorted by time.

    Attributes:
        series: whose sample it is.
        times: Unix milliseconds.
        values: finite.
        bad: what was left out.
    """

    series: list[Series] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.series)

    def sort(self) -> None:
        """Bring the columns into the order of time, as a live sender would; ties stay."""
        order = sorted(range(len(self.times)), key=self.times.__getitem__)
        self.series = [self.series[i] for i in order]
        self.times = [self.times[i] for i in order]
        self.values = [self.values[i] for i in order]


def read(lines: Iterable[str], table: SeriesTable, metric: str) -> Samples:
    """The samples of a CSV text.

    Args:
        lines: of the text, the first one the header.
        table: makes the series.
        metric: the name of samples that bring none.

    Raises:
        BadTable: there is no usable header.
    """
    reader = csv.reader(lines)
    header = [name.strip() for name in next(reader, [])]
    time_at = _time_column(header)
    cells = _long(header, time_at, metric) if _VALUE in header else _wide(header, time_at)
    samples = Samples()
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                _take(row, reader.line_num, time_at, cells, table, samples)
    except csv.Error as error:
        raise BadTable(f"line {reader.line_num} is not CSV: {error}") from None
    samples.sort()
    return samples


@dataclass(frozen=True, slots=True)
class _Cells:
    """Where a row has its values, and what they are values of."""

    width: int
    values: Sequence[tuple[int, str]]
    metric_at: int | None = None
    labels: Sequence[tuple[int, str]] = ()

    def of(self, row: Sequence[str]) -> Iterator[tuple[str, dict[str, str], str]]:
        """Metric, labels and text of each value of a row."""
        labels = {name: row[at].strip() for at, name in self.labels if row[at].strip()}
        for at, name in self.values:
            metric = row[self.metric_at].strip() if self.metric_at is not None else name
            yield metric, labels, row[at].strip()


def _time_column(header: Sequence[str]) -> int:
    for name in TIME_NAMES:
        if name in (lowered := [each.lower() for each in header]):
            return lowered.index(name)
    found = ", ".join(map(repr, header[:8])) or "nothing"
    raise BadTable(
        f"the first line must name the columns, one of them timestamp; it has {found[:200]}"
    )


def _long(header: Sequence[str], time_at: int, metric: str) -> _Cells:
    metric_at = header.index(_METRIC) if _METRIC in header else None
    value_at = header.index(_VALUE)
    others = {time_at, value_at, metric_at}
    labels = [(at, name) for at, name in enumerate(header) if at not in others and name]
    return _Cells(len(header), [(value_at, metric)], metric_at, labels)


def _wide(header: Sequence[str], time_at: int) -> _Cells:
    values = [(at, name) for at, name in enumerate(header) if at != time_at and name]
    if not values:
        raise BadTable("there is no column beside the timestamp; add value, or one for each metric")
    return _Cells(len(header), values)


def _take(
    row: Sequence[str],
    line: int,
    time_at: int,
    cells: _Cells,
    table: SeriesTable,
    samples: Samples,
) -> None:
    """Append the samples of a row, or why it has none."""
    if len(row) != cells.width:
        samples.bad.append(BadRow(line, f"{len(row)} cells, the header has {cells.width}"))
        return
    try:
        time = _time(row[time_at].strip())
    except BadTimestamp as bad:
        samples.bad.append(BadRow(line, str(bad)))
        return
    for metric, labels, text in cells.of(row):
        if not text and len(cells.values) > 1:
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not metric:
            samples.bad.append(BadRow(line, "the metric is empty"))
        elif not abs(value) <= LARGEST_VALUE:
            samples.bad.append(BadRow(line, f"{text[:40]!r} of {metric} is not a finite number"))
        else:
            samples.series.append(table.get(metric, labels))
            samples.times.append(time)
            samples.values.append(value)


def _time(text: str) -> float:
    """A timestamp in Unix milliseconds; files often leave the zone off, and mean UTC."""
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        return milliseconds(number)
    moment = f"{text} 00:00" if len(text) == len("2026-01-01") else text
    zoned = moment.endswith(("Z", "z")) or "+" in moment[10:] or "-" in moment[10:]
    try:
        return milliseconds(moment if zoned else moment + "+00:00")
    except BadTimestamp:
        raise BadTimestamp(f"timestamp {text[:40]!r} cannot be read; {_EXAMPLES}") from None
