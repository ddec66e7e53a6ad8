"""Remote write 1.0: `prometheus.WriteRequest`. Bytes in, columns out.

The labels of a series come first and its one sample last, so all but the last bytes of a series
are its spelling. That they are whole fields is made sure when a spelling is learnt; a message is
the sum of its fields, so whatever whole fields follow cannot change what it says.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.known_series import KnownSeries
from anomaly_dataplane.ingest.parsed import BadSample, Cause, Parsed, too_many
from anomaly_dataplane.ingest.protobuf import check_parts
from anomaly_dataplane.ingest.remote_write.labels import series_of
from anomaly_dataplane.ingest.remote_write.messages_pb2 import TimeSeries, WriteRequest
from anomaly_dataplane.ingest.remote_write.samples import (
    HEAD,
    SAMPLE,
    SAMPLE_BYTES,
    STALE,
    TIME_BYTES,
    TIME_TAG,
    ZERO_BYTES,
    ZERO_HEAD,
    Times,
    reject,
    take,
)
from anomaly_dataplane.ingest.spellings import Spellings
from anomaly_dataplane.sample import Batch
from anomaly_dataplane.series import Series, SeriesTable

_TIME_AT = -ZERO_BYTES + len(ZERO_HEAD)
_VALUE = slice(-SAMPLE_BYTES + len(HEAD), -TIME_BYTES - len(TIME_TAG))


class ParserV1:
    """Parses requests of at most `max_samples` samples."""

    def __init__(self, table: SeriesTable, max_samples: int) -> None:
        self._known = KnownSeries(table)
        self._spellings: Spellings[Series] = Spellings()
        self._times = Times()
        self._max_samples = max_samples

    def parse(self, body: bytes) -> Parsed:
        """The samples of a body that is no longer compressed; there may be none.

        Raises:
            BadPayload: nothing of it can be used.
        """
        check_parts(body, self._max_samples)
        try:
            request = WriteRequest.FromString(body)
        except DecodeError:
            raise BadPayload("the body is no prometheus.WriteRequest, or is cut short") from None
        parsed = Parsed(Batch([], [], [], len(body)))
        add_series = parsed.batch.series.append
        add_time = parsed.batch.times.append
        add_value = parsed.batch.values.append
        series_by = self._spellings.known.get
        time_by, learn_time = self._times.known.get, self._times.learn
        read_sample = SAMPLE.unpack_from
        for spelled in request.timeseries:
            series = series_by(spelled[:-SAMPLE_BYTES])
            if series is not None:
                head, value, tag, spelled_time = read_sample(spelled, len(spelled) - SAMPLE_BYTES)
                time_ms = time_by(spelled_time) or learn_time(spelled_time)
                if time_ms is not None and head == HEAD and tag == TIME_TAG:
                    if value - value == 0.0:  # neither infinite nor NaN
                        add_series(series)
                        add_time(time_ms)
                        add_value(value)
                    elif spelled[_VALUE] == STALE:
                        parsed.closed.append((series, time_ms))
                    else:
                        parsed.valueless += 1
                    continue
            else:
                series = series_by(spelled[:-ZERO_BYTES])
                if series is not None and spelled[-ZERO_BYTES:_TIME_AT] == ZERO_HEAD:
                    spelled_time = spelled[_TIME_AT:]
                    time_ms = time_by(spelled_time) or learn_time(spelled_time)
                    if time_ms is not None:
                        add_series(series)
                        add_time(time_ms)
                        add_value(0.0)
                        continue
            self._decode(spelled, parsed)
        if len(parsed.batch) + len(parsed.rejected) > self._max_samples:
            raise too_many(self._max_samples)
        return parsed

    def _decode(self, spelled: bytes, parsed: Parsed) -> None:
        """Add all samples of a series that is not known or not spelled as usual."""
        check_parts(spelled, self._max_samples)
        try:
            message = TimeSeries.FromString(spelled)
        except DecodeError:
            reject(parsed, Cause.SYNTAX, "a series is no prometheus.TimeSeries in UTF-8")
            return
        if len(message.samples) + len(message.histograms) > self._max_samples:
            raise too_many(self._max_samples)
        labels = [(label.name, label.value) for label in message.labels]
        try:
            series = series_of(labels, self._known)
        except BadSample as bad:
            shown = ",".join(f'{name}="{value}"' for name, value in labels)[:200]
            for _ in range(len(message.samples) + len(message.histograms)):
                reject(parsed, bad.cause, f"{{{shown}}}: {bad.reason}")
            return
        self._learn(spelled, series)
        for sample in message.samples:
            take(parsed, series, sample.timestamp, sample.value)
        for _ in message.histograms:
            reject(parsed, Cause.UNSUPPORTED, f"{series.name}: native histograms are not scored")

    def _learn(self, spelled: bytes, series: Series) -> None:
        """Remember the spelling of a series that ends with one usual sample."""
        if spelled[-SAMPLE_BYTES:].startswith(HEAD):
            spelling = spelled[:-SAMPLE_BYTES]
        elif spelled[-ZERO_BYTES:].startswith(ZERO_HEAD):
            spelling = spelled[:-ZERO_BYTES]
        else:
            return
        try:
            message = TimeSeries.FromString(spelling)
        except DecodeError:
            return
        if not (message.samples or message.histograms or message.exemplars):
            self._spellings.remember(spelling, series)
