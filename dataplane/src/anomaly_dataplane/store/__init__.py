"""Where state survives: the Store Protocol, implemented by Redis and, in process, by memory.

A store knows nothing of detection. It keeps one block of bytes a series, compares and sets it,
and appends anomalies to the outbox in the same atomic step (docs/commit-protocol.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.series import Series

VERSION_BYTES = 8
"""A block starts with its version: the token of the commit that wrote it."""

ABSENT = b""
"""The expected version of a series that has no block yet."""


@dataclass(slots=True)
class SeriesWrite:
    """What one commit changes of one series.

    Attributes:
        expected: the version the writer started from; ABSENT if there was no block.
        ranges: (offset in float64, bytes) to write. With `whole`, the one range is the new block.
        whole: replace the block instead of writing into it.
        touch: put off the idle expiry; asked for now and then, not with every sample.
        accepted, outliers: of this commit, for the pipeline's totals.
        anomalies: to append to the outbox if, and only if, this series is not refused.
    """

    series: Series
    expected: bytes
    ranges: Sequence[tuple[int, bytes | memoryview]]
    whole: bool = False
    touch: bool = False
    accepted: int = 0
    outliers: int = 0
    anomalies: list[Anomaly] = field(default_factory=list)


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

    async def commit(self, partition: int, writes: Sequence[SeriesWrite], now_ms: int) -> list[int]:
        """Compare and set all writes of one partition in one atomic step.

        Returns:
            The positions of the writes that were refused because the version was not the expected
            one: of those nothing was written, counted or appended. All others are done.
        """
        ...

    async def totals(self) -> Totals:
        """The pipeline's totals, summed over its partitions."""
        ...

    async def anomalies(self, since_ms: int, limit: int) -> list[Anomaly]:
        """Anomalies committed since a Unix time in milliseconds, newest first, at most `limit`."""
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
