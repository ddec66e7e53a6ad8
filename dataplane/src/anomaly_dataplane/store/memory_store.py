"""The store in process: for tests, `make demo` and backtests. Nothing survives the process."""

from __future__ import annotations

from collections.abc import Sequence

from anomaly_dataplane.contract.config import MAX_PARTITIONS
from anomaly_dataplane.sample import Anomaly, Kind
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import DOUBLE
from anomaly_dataplane.store import VERSION_BYTES, Totals, Writes


class MemoryStore:
    """A Store over dictionaries. One object may serve several pods of a test.

    Attributes:
        series: by id, those that have a block.
        outbox: (time of the commit, anomaly), oldest first.
    """

    def __init__(self) -> None:
        self._blocks: dict[str, bytearray] = {}
        self.series: dict[str, Series] = {}
        self.outbox: list[tuple[int, Anomaly]] = []
        self._samples = 0
        self._outliers = 0
        self._last_sample_ms = 0

    @property
    def events(self) -> list[Anomaly]:
        """The outbox, oldest first."""
        return [event for _, event in self.outbox]

    async def read(self, partition: int, series: Sequence[Series]) -> list[bytes | None]:
        blocks = (self._blocks.get(item.id) for item in series)
        return [None if block is None else bytes(block) for block in blocks]

    async def commit(self, partition: int, writes: Writes, now_ms: int) -> list[int]:
        refused = []
        for i, write in enumerate(writes):
            block = self._blocks.get(write.series.id, bytearray())
            if block[:VERSION_BYTES].ljust(VERSION_BYTES, b"\0") != write.expected:
                refused.append(i)
                continue
            if write.whole:
                block.clear()
            for offset, data in write.ranges:
                at = DOUBLE * offset
                block.extend(bytes(max(at - len(block), 0)))  # as SETRANGE does
                block[at : at + len(data)] = data
            self._blocks[write.series.id] = block
            self.series[write.series.id] = write.series
            self._samples += write.accepted
            self._outliers += write.outliers
            self.outbox += ((now_ms, event) for event in write.anomalies)
            self._last_sample_ms = now_ms
        return refused

    async def lanes(self) -> Sequence[int]:
        return (0,) * MAX_PARTITIONS

    async def totals(self) -> Totals:
        return Totals(
            samples=self._samples,
            outliers=self._outliers,
            anomalies=sum(event.kind is Kind.RAISED for event in self.events),
            series=len(self._blocks),
            last_sample_ms=self._last_sample_ms,
        )

    async def anomalies(self, since_ms: int, limit: int) -> list[Anomaly]:
        recent = [
            event
            for at, event in reversed(self.outbox)
            if at >= since_ms and event.kind is Kind.RAISED
        ]
        return recent[:limit]

    async def ping(self) -> None:
        return

    async def aclose(self) -> None:
        return
