"""A series: a metric name and its labels, and where its state lives.

Identity is the name and the sorted labels, whichever protocol brought them; hash and partition
follow from it alone, so every pod puts a series in the same place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

_SEPARATOR = b"\xff"  # never part of UTF-8 text, so no two identities share an encoding
_DIGEST_BYTES = 12

ID_BYTES = 2 * _DIGEST_BYTES
"""Length of `Series.id_bytes`."""

UNRESOLVED = -1
"""`Series.rule` before anyone looked, and again after what it depends on has changed."""

_Identity = tuple[str, tuple[tuple[str, str], ...]]


class Series:
    """One series. Interned by `SeriesTable`: a pod has one object for each, compared by identity.

    Attributes:
        id: 24 hex digits, a hash of name and labels; part of the Redis key and of anomaly ids.
        id_bytes: the same in ASCII, as requests to Redis are made of it.
        partition: the hash tag that its state lives under, 0 <= partition < partitions.
        slot: where the pod's state cache keeps its block, -1 where it does not.
        rule: which of the pod's rules apply to it, UNRESOLVED until someone looked.
    """

    __slots__ = (
        "_cumulative",
        "id",
        "id_bytes",
        "labels",
        "metric",
        "partition",
        "rule",
        "slot",
    )

    def __init__(self, metric: str, labels: Mapping[str, str], partitions: int) -> None:
        digest = _digest(metric, labels)
        self.metric = metric
        self.labels = dict(sorted(labels.items()))
        self.id = digest.hex()
        self.id_bytes = self.id.encode()
        self.partition = int.from_bytes(digest[:4], "big") % partitions
        self.slot = -1
        self.rule = UNRESOLVED
        self._cumulative = False

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
    """Interns series, so that a sample of a known series costs one dictionary look-up.

    Bounded: of more than `limit` series those longest unused are dropped, half a table at a time,
    and interned anew when they come back. Two objects of one series are as harmless as two pods.
    """

    def __init__(self, partitions: int, limit: int = 200_000) -> None:
        self._partitions = partitions
        self._half = max(1, limit // 2)
        self._recent: dict[_Identity, Series] = {}
        self._older: dict[_Identity, Series] = {}

    def __len__(self) -> int:
        return len(self._recent) + sum(key not in self._recent for key in self._older)

    def get(self, metric: str, labels: Mapping[str, str]) -> Series:
        """The series of this name and these labels, in whatever order they come."""
        key = (metric, tuple(sorted(labels.items())) if len(labels) > 1 else tuple(labels.items()))
        series = self._recent.get(key)
        if series is None:
            series = self._older.get(key) or Series(metric, labels, self._partitions)
            if len(self._recent) >= self._half:
                self._older, self._recent = self._recent, {}
            self._recent[key] = series
        return series


def series_name(metric: str, labels: Mapping[str, str]) -> str:
    """A series as people write it; `labels` in the order in which they are to stand."""
    shown = ",".join(f'{k}="{_escape(v)}"' for k, v in labels.items())
    return f"{metric}{{{shown}}}" if shown else metric


def _digest(metric: str, labels: Mapping[str, str]) -> bytes:
    parts = [metric.encode()]
    for name, value in sorted(labels.items()):
        parts += [name.encode(), value.encode()]
    return hashlib.blake2b(_SEPARATOR.join(parts), digest_size=_DIGEST_BYTES).digest()


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
