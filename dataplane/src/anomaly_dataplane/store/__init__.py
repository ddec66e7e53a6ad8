"""Where state survives: the Store Protocol, implemented by Redis and, in process, by memory.

A store knows nothing of detection. It keeps one block of bytes a series, compares and sets it,
and appends anomalies to the outbox in the same atomic step (docs/commit-protocol.md).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Protocol

from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import DOUBLE

VERSION_BYTES = 8
"""A block starts with its version: the token of the commit that wrote it."""

ABSENT = bytes(VERSION_BYTES)
"""The expected version of a series that has no block yet."""

WHOLE = 1
"""Flag of a row: replace the block by the row's first range, then write the others into it."""

TOUCH = 2
"""Flag of a row: put off the idle expiry; asked for now and then, not with every sample."""

NAMED = 4
"""Flag of a row: there was no block, so the series' name is to be kept with the new one."""


@dataclass(slots=True)
class SeriesWrite:
    """One row of `Writes`, for people and tests to read.

    Attributes:
        expected: the version the writer started from; ABSENT if there was no block.
        ranges: (offset in float64, bytes) to write; the first starts at 0.
        accepted, outliers: of this commit, for the pipeline's totals.
        anomalies: to append to the outbox if, and only if, this series is not refused.
    """

    series: Series
    expected: bytes
    ranges: Sequence[tuple[int, bytes]]
    whole: bool = False
    touch: bool = False
    accepted: int = 0
    outliers: int = 0
    anomalies: list[Anomaly] = field(default_factory=list)


@dataclass(slots=True)
class Writes:
    """What one commit changes of series of one partition: columns, a row a series.

    It refers to the writer's blocks instead of copying them, so a store is done with it when
    `Store.commit` returns.

    Attributes:
        series: each once.
        expected: VERSION_BYTES a row: what the stored block must start with, one that is shorter
            counting as if zeros followed. ABSENT if there was none.
        flags: WHOLE, TOUCH and NAMED, a byte a row.
        accepted, outliers: samples of this commit, for the pipeline's totals (typecode 'i').
        ends: where the row's ranges end in the next three columns (typecode 'i').
        offsets, starts, lengths: of a range: where it goes in the stored block, where its bytes
            are in `memory` and how many, all in float64 (typecode 'i'). The first range of a row
            goes to 0, so that it brings the new version.
        memory: what the ranges lie in, as bytes.
        anomalies: (row, anomaly) to append to the outbox if, and only if, the row is not refused.
    """

    series: list[Series]
    expected: bytearray
    flags: bytearray
    accepted: array[int]
    outliers: array[int]
    ends: array[int]
    offsets: array[int]
    starts: array[int]
    lengths: array[int]
    memory: memoryview
    anomalies: list[tuple[int, Anomaly]] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Sequence[SeriesWrite] = ()) -> Writes:
        """The columns of these rows, their bytes copied."""
        ranges = [part for row in rows for part in row.ranges]
        sizes = [len(data) // DOUBLE for _, data in ranges]
        return cls(
            series=[row.series for row in rows],
            expected=bytearray(b"".join(row.expected for row in rows)),
            flags=bytearray(
                WHOLE * row.whole + TOUCH * row.touch + NAMED * (row.expected == ABSENT)
                for row in rows
            ),
            accepted=array("i", [row.accepted for row in rows]),
            outliers=array("i", [row.outliers for row in rows]),
            ends=array("i", accumulate(len(row.ranges) for row in rows)),
            offsets=array("i", [offset for offset, _ in ranges]),
            starts=array("i", list(accumulate(sizes, initial=0))[:-1]),
            lengths=array("i", sizes),
            memory=memoryview(b"".join(data for _, data in ranges)),
            anomalies=[(i, event) for i, row in enumerate(rows) for event in row.anomalies],
        )

    def __len__(self) -> int:
        return len(self.series)

    def __iter__(self) -> Iterator[SeriesWrite]:
        return map(self.row, range(len(self)))

    def row(self, i: int) -> SeriesWrite:
        """One row, its bytes copied."""
        return SeriesWrite(
            series=self.series[i],
            expected=bytes(self.expected[VERSION_BYTES * i : VERSION_BYTES * (i + 1)]),
            ranges=[
                (self.offsets[k], bytes(self.memory[DOUBLE * at : DOUBLE * (at + length)]))
                for k in range(self.ends[i - 1] if i else 0, self.ends[i])
                for at, length in ((self.starts[k], self.lengths[k]),)
            ],
            whole=bool(self.flags[i] & WHOLE),
            touch=bool(self.flags[i] & TOUCH),
            accepted=self.accepted[i],
            outliers=self.outliers[i],
            anomalies=[event for row, event in self.anomalies if row == i],
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """What a pipeline has done since it was created, over all pods.

    Attributes:
        samples: committed, each counted once however often it was sent.
        last_sample_ms: Unix time of the last commit in milliseconds, 0 before the first.
    """

    samples: int = 0
    outliers: int = 0
    anomalies: int = 0
    series: int = 0
    last_sample_ms: int = 0


class Store(Protocol):
    """State of one pipeline. Every method raises StoreUnavailable where it cannot answer."""

    async def read(self, partition: int, series: Sequence[Series]) -> list[bytes | None]:
        """The blocks of series of one partition, None where there is none."""
        ...

    async def commit(self, partition: int, writes: Writes, now_ms: int) -> list[int]:
        """Compare and set all writes of one partition in one atomic step.

        Returns:
            The rows that were refused because the version was not the expected
            one: of those nothing was written, counted or appended. All others are done.
        """
        ...

    async def totals(self) -> Totals:
        """The pipeline's totals, summed over its partitions."""
        ...

    async def anomalies(self, since_ms: int, limit: int) -> list[Anomaly]:
        """Anomalies raised since a Unix time in milliseconds, newest first, at most `limit`."""
        ...

    async def lanes(self) -> Sequence[int]:
        """For each partition the number, from 0, of the primary that serves it.

        As it was when the store was first reached. Where a failover or a moved slot changes it
        later, lanes made from it stay right and only share a primary less evenly.
        """
        ...

    async def ping(self) -> None:
        """Return if the store would take a commit now."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
