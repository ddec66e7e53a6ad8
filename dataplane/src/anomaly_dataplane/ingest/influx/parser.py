"""Line protocol: bytes in, columns out.

`dialects.py` calls it. A sender's lines differ in value and time and seldom in anything else, so
what stands before the value is looked up as it came, by `plain.py`; `line.py` reads what is new,
has no timestamp, or is broken.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from anomaly_dataplane.ingest.influx import plain
from anomaly_dataplane.ingest.influx.line import Line, end_of_line, read_line
from anomaly_dataplane.ingest.known_series import MAX_LABELS, checked_series
from anomaly_dataplane.ingest.parsed import BadSample, Cause, Parsed, Rejection, too_many
from anomaly_dataplane.ingest.spellings import MAX_BYTES, MAX_SPELLING_BYTES
from anomaly_dataplane.ingest.timestamps import BadTimestamp, milliseconds, next_untimed
from anomaly_dataplane.sample import Batch
from anomaly_dataplane.series import Series, SeriesTable

DATABASE_LABEL = "db"
"""The label that a request's database or bucket becomes, unless the line has a tag of that name."""

_MAX_DATABASES = 64
_ENTRY_BYTES = 150
_EQUALS_PER_SAMPLE = MAX_LABELS + 2
"""One is a field, the others are tags; more stand in strings, if anywhere."""
_EQUALS_ALWAYS = 100_000
_LINES_PER_SAMPLE = 4
"""Comments, blank lines and those with strings alone hold no sample; more of them are no use."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Of a request's timestamps: `times` / `per` microseconds. Unit of neither: by the size."""

    times: int
    per: int = 1


NANOSECONDS = Unit(1, 1000)
MICROSECONDS = Unit(1)
MILLISECONDS = Unit(1000)
SECONDS = Unit(1_000_000)
MINUTES = Unit(60_000_000)
HOURS = Unit(3_600_000_000)
BY_SIZE = Unit(0)


@dataclass(slots=True)
class Known:
    """Spellings of one database.

    Attributes:
        single: up to and with the name of the only field.
        heads: measurement and tags; for each the names of fields, None for what is no number.
    """

    single: dict[bytes, Series] = field(default_factory=dict)
    heads: dict[bytes, dict[bytes, Series | None]] = field(default_factory=dict)


class InfluxParser:
    """Parses bodies of at most `max_samples` samples."""

    def __init__(self, table: SeriesTable, max_samples: int) -> None:
        self._table = table
        self.max_samples = max_samples
        self._known: dict[str, Known] = {}
        self._known_bytes = 0
        self._stamp = array("q", [0])
        self._value = array("d", [0.0])

    def parse(self, body: bytes, *, unit: Unit, database: str, now_ms: float) -> Parsed:
        """The samples of a body: one for each field that is a number. It may hold none.

        Args:
            body: unpacked.
            unit: of its timestamps.
            database: becomes a label; empty for none.
            now_ms: Unix time of receipt, which lines without timestamp get.

        Raises:
            BatchTooLarge: it has too many samples.
        """
        if body.count(b"\n") > self.max_samples * _LINES_PER_SAMPLE or body.count(b"=") > max(
            _EQUALS_ALWAYS, self.max_samples * _EQUALS_PER_SAMPLE
        ):
            raise too_many(self.max_samples)
        slow = _SlowWay(self, database, unit, now_ms)
        self._columns(_lines(body), slow)
        parsed = slow.parsed
        if parsed.total > self.max_samples:
            raise too_many(self.max_samples)
        parsed.batch.size_bytes = len(body)
        return parsed

    def known(self, database: str) -> Known:
        """The spellings of a database."""
        known = self._known.get(database)
        if known is None:
            if len(self._known) >= _MAX_DATABASES:
                self.forget()
            known = self._known[database] = Known()
        return known

    def series(self, database: str, line: Line) -> list[Series]:
        """The series of each field of a line that is a number; remembers how they were spelt.

        Raises:
            BadSample: a name or label is beyond its limit.
        """
        labels = line.tags
        if database and DATABASE_LABEL not in labels:
            labels = {**labels, DATABASE_LABEL: database}
        series = [
            checked_series(self._table, f"{line.measurement}_{name}", labels)
            for name, _, _ in line.fields
        ]
        if len(line.head) > MAX_SPELLING_BYTES:
            return series
        known = self.known(database)
        fields = known.heads.get(line.head)
        if fields is None:
            fields = known.heads[line.head] = {}
            self._known_bytes += len(line.head) + _ENTRY_BYTES
        for (_, raw, _), found in zip(line.fields, series, strict=True):
            if fields.get(raw) is None and len(raw) <= MAX_SPELLING_BYTES:
                fields[raw] = found
                self._known_bytes += len(raw) + _ENTRY_BYTES
        for raw in line.passed_over:
            if raw not in fields and len(raw) <= MAX_SPELLING_BYTES:
                fields[raw] = None
                self._known_bytes += len(raw) + _ENTRY_BYTES
        if line.key is not None and series and len(line.key) <= MAX_SPELLING_BYTES:
            known.single[line.key] = series[0]
            self._known_bytes += len(line.key) + _ENTRY_BYTES
        if self._known_bytes > MAX_BYTES:
            self.forget()
        return series

    def forget(self) -> None:
        """Drop all spellings; the table behind still knows the series."""
        # The dictionaries of a parse that is going on are emptied, too.
        for known in self._known.values():
            known.single.clear()
            known.heads.clear()
        self._known.clear()
        self._known_bytes = 0

    def _columns(self, lines: Sequence[bytes], slow: _SlowWay) -> None:
        parsed, known = slow.parsed, slow.known
        batch, starts, rejected = parsed.batch, slow.starts, parsed.rejected
        series, times, values = batch.series, batch.times, batch.values
        single, heads = known.single, known.heads
        stamp, value = self._stamp, self._value
        last, last_ms = -1, 0.0
        for line in lines:
            found = single.get(plain.field(line, stamp, value))
            if found is not None:
                starts.append(len(series) + len(rejected))
                series.append(found)
                values.append(value[0])
                count = 1
            else:
                before = len(series) + len(rejected)
                count = plain.fields(line, heads, stamp, value, series, values)
                if count < 0:
                    slow.read(line)
                    continue
                starts.append(before)
            if stamp[0] != last:
                last = stamp[0]
                last_ms = slow.time_ms(last)
            if count == 1:
                times.append(last_ms)
            else:
                times += [last_ms] * count


class _SlowWay:
    """Reads lines one by one; good samples and faults go to `parsed`.

    Attributes:
        starts: for each line, how many samples there were before it.
    """

    def __init__(self, parser: InfluxParser, database: str, unit: Unit, now_ms: float) -> None:
        self.known = parser.known(database)
        self.starts: list[int] = []
        self.parsed = Parsed(Batch([], [], []), line_starts=self.starts)
        self._parser = parser
        self._max_fields = parser.max_samples
        self._database = database
        self._unit = unit
        self._untimed_ms = now_ms

    def read(self, line: bytes) -> None:
        """Take one line."""
        parsed = self.parsed
        index = parsed.total
        self.starts.append(index)
        if not line:
            return
        try:
            read = read_line(line, self._max_fields)
            if read is None:
                return
            time_ms = self._untimed() if read.stamp is None else self.time_ms(read.stamp)
            series = self._parser.series(self._database, read)
        except BadSample as bad:
            parsed.rejected.append(Rejection(index, bad.cause, bad.reason, len(self.starts)))
            return
        batch = parsed.batch
        batch.series += series
        batch.times += [time_ms] * len(series)
        batch.values += [value for _, _, value in read.fields]

    def time_ms(self, stamp: int) -> float:
        """Unix milliseconds of a timestamp.

        Raises:
            BadSample: it has more than 63 bits and no unit.
        """
        unit = self._unit
        if unit.times:
            return (stamp * unit.times / unit.per + 0.5) // 1.0 / 1e3
        try:
            return milliseconds(stamp)
        except BadTimestamp as bad:
            raise BadSample(Cause.TIMESTAMP, str(bad)) from None

    def _untimed(self) -> float:
        """Lines of one request are several samples, not one and its repeats."""
        time_ms = self._untimed_ms
        self._untimed_ms = next_untimed(time_ms)
        return time_ms


def _lines(body: bytes) -> list[bytes]:
    """The lines of a body; of one with line breaks in strings the others are empty."""
    if b"\r" in body:
        # Inside of strings, too, which nobody reads.
        body = body.replace(b"\r\n", b"\n")
    if b'"' not in body:
        return body.split(b"\n")
    lines = []
    at = 0
    while at <= len(body):
        end = body.find(b"\n", at)
        if end < 0:
            end = len(body)
        if body.find(b'"', at, end) >= 0:
            end = end_of_line(body, at)
        line = body[at:end]
        lines.append(line)
        lines += [b""] * line.count(b"\n")
        at = end + 1
    return lines
