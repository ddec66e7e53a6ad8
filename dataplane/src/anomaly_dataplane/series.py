"""A series: a metric name and its labels, and where its state lives.

Identity is the name and the sorted labels, whichever protocol brought them; hash and partition
follow from it alone, so every pod puts a series in the same place.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping

_SEPARATOR = b"\xff"  # never part of UTF-8 text, so no two identities share an encoding
_DIGEST_BYTES = 12

_PARTITION_DIGITS = 8  # of the id, that the partition follows from

ID_BYTES = 2 * _DIGEST_BYTES
"""Length of `Series.id_bytes`."""

UNRESOLVED = -1
"""`Series.rule` before anyone looked, and again after what it depends on has changed."""


class Series:
    """One series. Interned by `SeriesTable`: a pod has one object for each, compared by identity.

    Attributes:
        id_bytes: 24 hex digits in ASCII, a hash of name and labels; part of the Redis key. The
            table knows the series by this object, too.
        partition: the hash tag that its state lives under, 0 <= partition < partitions.
        slot: where the pod's state cache keeps its block, -1 where it does not.
        rule: which of the pod's rules apply to it, UNRESOLVED until someone looked.
    """

    __slots__ = (
        "_cumulative",
        "_labels",
        "id_bytes",
        "metric",
        "partition",
        "rule",
        "slot",
    )

    def __init__(self, metric: str, labels: Mapping[str, str], partitions: int) -> None:
        # Thousands of series have few names of metrics and labels: one object for each of these.
        self.metric = sys.intern(metric)
        # Not a dictionary, which takes four times the memory.
        self._labels = tuple(
            part for name, value in sorted(labels.items()) for part in (sys.intern(name), value)
        )
        self.id_bytes = _id_bytes(metric, labels)
        self.partition = int(self.id_bytes[:_PARTITION_DIGITS], 16) % partitions
        self.slot = -1
        self.rule = UNRESOLVED
        self._cumulative = False

    @property
    def id(self) -> str:
        """`id_bytes` as text, as anomalies and answers have it. Made when asked for: that is rare,
        and a pod holds many thousands of series.
        """
        return self.id_bytes.decode()

    @property
    def labels(self) -> dict[str, str]:
        """Sorted by their names. Made when asked for, which only what is rare does."""
        return dict(zip(self._labels[::2], self._labels[1::2], strict=True))

    @property
    def cumulative(self) -> bool:
        """Whether its values only grow, apart from resets: a counter since some start.

        Said by protocols that know, in every pod that they tell it to; no part of the identity.
        What was once said stays, since not every request of a sender repeats it.
        """
        return self._cumulative

    @cumulative.setter
    def cumulative(self, cumulative: bool) -> None:
        if cumulative and not self._cumulative:
            self._cumulative = True
            self.rule = UNRESOLVED

    def __repr__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The series as people write it: `temperature{device="boiler-1"}`."""
        return series_name(self.metric, self.labels)


class SeriesTable:
    """Interns series. Behind the parsers' own memories of spellings, so asked seldom.

    Bounded: of more than `limit` series those longest unused are dropped, half a table at a time,
    and interned anew when they come back. Two objects of one series are as harmless as two pods.
    """

    def __init__(self, partitions: int, limit: int = 200_000) -> None:
        self._partitions = partitions
        self._half = max(1, limit // 2)
        self._recent: dict[bytes, Series] = {}
        self._older: dict[bytes, Series] = {}

    def __len__(self) -> int:
        return len(self._recent) + sum(key not in self._recent for key in self._older)

    def get(self, metric: str, labels: Mapping[str, str]) -> Series:
        """The series of this name and these labels, in whatever order they come."""
        key = _id_bytes(metric, labels)
        series = self._recent.get(key)
        if series is None:
            series = self._older.get(key) or Series(metric, labels, self._partitions)
            if len(self._recent) >= self._half:
                self._older, self._recent = self._recent, {}
            self._recent[series.id_bytes] = series
        return series


def series_name(metric: str, labels: Mapping[str, str]) -> str:
    """A series as people write it; `labels` in the order in which they are to stand."""
    shown = ",".join(f'{k}="{_escape(v)}"' for k, v in labels.items())
    return f"{metric}{{{shown}}}" if shown else metric


def _id_bytes(metric: str, labels: Mapping[str, str]) -> bytes:
    parts = [metric.encode()]
    for name, value in sorted(labels.items()):
        parts += [name.encode(), value.encode()]
    digest = hashlib.blake2b(_SEPARATOR.join(parts), digest_size=_DIGEST_BYTES)
    return digest.hexdigest().encode()


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
