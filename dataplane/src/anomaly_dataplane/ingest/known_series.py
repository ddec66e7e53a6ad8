"""From a sample's metric and labels to its Series: checked once, then a dictionary look-up.

The parsers use it. Keyed by the label text as it came, because most senders write the same labels
in the same way every time, and reading them costs more than all the rest of a sample.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from anomaly_dataplane.ingest.parsed import BadSample, Cause
from anomaly_dataplane.ingest.spellings import MAX_BYTES, MAX_SPELLING_BYTES, MAX_SPELLINGS
from anomaly_dataplane.series import Series, SeriesTable

MAX_METRIC_LENGTH = 256
"""Characters. Prometheus knows no limit; the longest in its own docs have 60."""
MAX_LABELS = 32
"""Prometheus warns its users at 30."""
MAX_LABEL_NAME_LENGTH = 128
MAX_LABEL_VALUE_LENGTH = 1024
"""Characters. A series' name stands in memory, in Redis and in every alert about it."""

DEVICE_LABEL = "device"
"""The label that the field `device_id` is short for."""

MAX_LABELS_BYTES = 1 << 18
"""Of the text of a series' labels: as many as there may be, each character of them escaped."""

_SEPARATOR = b"\0"

Spelling = tuple[str, bytes, str | None]
"""Metric, text of the labels' JSON object, device_id."""

_labels = msgspec.json.Decoder(dict[str, str] | None)


class KnownSeries:
    """Remembers which series a spelling stands for, within the bounds of `spellings.py`.

    Attributes:
        by_text: for the fast path to look up in; `learn` fills it. By what `text_of` makes of
            labels there is their series, and where several metrics have them, each by its name.
    """

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._count = 0
        self._bytes = 0
        self.by_text: dict[bytes, Series | dict[str, Series]] = {}

    def __len__(self) -> int:
        return self._count

    def learn(self, spelling: Spelling) -> Series:
        """The series of a spelling that is not in `by_text`.

        Raises:
            BadSample: beyond a limit.
            msgspec.MsgspecError, UnicodeDecodeError: the labels are no object of strings.
        """
        metric, text, device_id = spelling
        if len(text) > MAX_LABELS_BYTES:
            raise BadSample(Cause.SERIES, f"has {len(text)} bytes of labels")
        series = self.resolve(metric, _labels.decode(text) or {}, device_id)
        if len(text) <= MAX_SPELLING_BYTES:
            self._remember(text_of(text, device_id), series)
        return series

    def _remember(self, text: bytes, series: Series) -> None:
        if self._count >= MAX_SPELLINGS or self._bytes + len(text) > MAX_BYTES:
            self.by_text.clear()
            self._count = self._bytes = 0
        known = self.by_text.get(text)
        if known is None:
            self.by_text[text] = series
            self._bytes += len(text)
        elif isinstance(known, dict):
            known[series.metric] = series
        else:
            self.by_text[text] = {known.metric: known, series.metric: series}
        self._count += 1

    def resolve(self, metric: str, labels: Mapping[str, str], device_id: str | None) -> Series:
        """The series of this name and these labels.

        Raises:
            BadSample: beyond a limit, or `device_id` contradicts the label `device`.
        """
        if device_id is not None:
            if labels.get(DEVICE_LABEL, device_id) != device_id:
                raise BadSample(
                    Cause.SERIES,
                    f"device_id {device_id[:40]!r} contradicts the label "
                    f"{DEVICE_LABEL}={labels[DEVICE_LABEL][:40]!r}; send one of the two",
                )
            labels = {**labels, DEVICE_LABEL: device_id}
        return checked_series(self._table, metric, labels)


def text_of(labels: bytes, device_id: str | None) -> bytes:
    """What labels as they came are remembered by. No JSON text has the separator in it."""
    return labels if device_id is None else labels + _SEPARATOR + device_id.encode()


def checked_series(table: SeriesTable, metric: str, labels: Mapping[str, str]) -> Series:
    """The series of this name and these labels, whatever protocol brought them.

    A label without a value is no label, as in Prometheus: with it and without it is one series.

    Raises:
        BadSample: beyond a limit.
    """
    _check_text("metric", metric, MAX_METRIC_LENGTH)
    if len(labels) > MAX_LABELS:
        raise BadSample(Cause.SERIES, f"has {len(labels)} labels; {MAX_LABELS} are allowed")
    for name, value in labels.items():
        _check_text("a label's name", name, MAX_LABEL_NAME_LENGTH)
        _check_text(f"label {name!r}", value, MAX_LABEL_VALUE_LENGTH, empty=True)
    if "" in labels.values():
        labels = {name: value for name, value in labels.items() if value}
    return table.get(metric, labels)


def _check_text(what: str, text: str, max_length: int, *, empty: bool = False) -> None:
    if not text and not empty:
        raise BadSample(Cause.SERIES, f"{what} must not be empty")
    if len(text) > max_length:
        raise BadSample(
            Cause.SERIES, f"{what} has {len(text)} characters; {max_length} are allowed"
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadSample(Cause.SERIES, f"{what} is not valid Unicode text") from None
