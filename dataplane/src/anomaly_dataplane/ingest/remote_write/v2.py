"""Remote write 2.0: `io.prometheus.write.v2.Request`. Bytes in, columns out.

A series names its labels by their places in the request's table of symbols, and no two requests
have the same table. So symbols get numbers that stay, and a series is recognised by those of its
labels.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from google.protobuf.message import DecodeError

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.known_series import KnownSeries
from anomaly_dataplane.ingest.parsed import BadSample, Cause, Parsed, too_many
from anomaly_dataplane.ingest.protobuf import check_parts
from anomaly_dataplane.ingest.remote_write.labels import series_of
from anomaly_dataplane.ingest.remote_write.messages_pb2 import RequestV2, TimeSeriesV2
from anomaly_dataplane.ingest.remote_write.reading import read
from anomaly_dataplane.ingest.remote_write.samples import reject, take
from anomaly_dataplane.ingest.remote_write.symbols import Symbols
from anomaly_dataplane.ingest.spellings import Spellings
from anomaly_dataplane.sample import Batch
from anomaly_dataplane.series import Series, SeriesTable

_MAX_REFERENCES = 4096
"""Of one series: many more than it may have labels, for labels without a value are none."""
_PARTS_PER_SAMPLE = 8
"""Itself and its share of the symbols. Honest requests of any size have three at most."""


class ParserV2:
    """Parses requests of at most `max_samples` samples."""

    def __init__(self, table: SeriesTable, max_samples: int) -> None:
        self._known = KnownSeries(table)
        self._spellings: Spellings[Series] = Spellings()
        self._symbols = Symbols()
        self._point = array("d", bytes(16))
        self._max_samples = max_samples

    def parse(self, body: bytes) -> Parsed:
        """The samples of a body that is no longer compressed; there may be none.

        Raises:
            BadPayload: nothing of it can be used.
        """
        request = self._decode(body)
        if self._symbols.full:
            self._symbols.forget()
            self._spellings.forget()
        symbols = self._symbols.numbers(request.symbols)
        parsed = Parsed(Batch([], [], [], len(body)))
        add_series = parsed.batch.series.append
        add_time = parsed.batch.times.append
        add_value = parsed.batch.values.append
        series_by = self._spellings.known.get
        point = self._point
        for spelled in request.timeseries:
            series = series_by(read(spelled, symbols, point))
            if series is None:
                self._take(spelled, request.symbols, symbols, parsed)
                continue
            value = point[1]
            if value - value == 0.0:  # neither infinite nor NaN
                add_series(series)
                add_time(point[0])
                add_value(value)
            else:
                take(parsed, series, point[0], value)
        if parsed.total > self._max_samples:
            raise too_many(self._max_samples)
        return parsed

    def _decode(self, body: bytes) -> RequestV2:
        check_parts(body, self._max_samples * _PARTS_PER_SAMPLE)
        try:
            request = RequestV2.FromString(body)
        except DecodeError:
            raise BadPayload(
                "the body is no io.prometheus.write.v2.Request in UTF-8, or is cut short"
            ) from None
        if len(request.timeseries) > self._max_samples:
            raise too_many(self._max_samples)
        if request.timeseries and (not request.symbols or request.symbols[0]):
            raise BadPayload("the first of the symbols must be the empty one")
        return request

    def _take(self, spelled: bytes, symbols: Sequence[str], numbers: bytes, parsed: Parsed) -> None:
        """Add all samples of a series that is not known or not spelled as usual."""
        check_parts(spelled, self._max_samples)
        try:
            message = TimeSeriesV2.FromString(spelled)
        except DecodeError:
            reject(parsed, Cause.SYNTAX, "a series is no io.prometheus.write.v2.TimeSeries")
            return
        count = len(message.samples) + len(message.histograms)
        if count > self._max_samples:
            raise too_many(self._max_samples)
        try:
            labels = _labels(message.labels_refs, symbols)
            series = series_of(labels, self._known, message.metadata.type)
        except BadSample as bad:
            for _ in range(count):
                reject(parsed, bad.cause, bad.reason)
            return
        if usual := read(spelled, numbers, self._point):
            self._spellings.remember(usual, series)
        for sample in message.samples:
            take(parsed, series, sample.timestamp, sample.value)
        for _ in message.histograms:
            reject(parsed, Cause.UNSUPPORTED, f"{series.name}: native histograms are not scored")


def _labels(references: Sequence[int], symbols: Sequence[str]) -> list[tuple[str, str]]:
    """The labels that a series refers to.

    Raises:
        BadSample: it refers to none, or to far too many.
    """
    if len(references) > _MAX_REFERENCES:
        raise BadSample(Cause.SERIES, f"labels_refs holds more than {_MAX_REFERENCES}")
    if len(references) % 2:
        raise BadSample(Cause.SERIES, "labels_refs must hold pairs of a name and a value")
    if references and max(references) >= len(symbols):
        raise BadSample(
            Cause.SERIES, f"labels_refs has {max(references)}; there are {len(symbols)} symbols"
        )
    named = [symbols[reference] for reference in references]
    return list(zip(named[::2], named[1::2], strict=True))
