"""The values that cross stages: a batch of samples on the way in, its verdicts on the way out.

A request's samples stay one object of columns from parser to commit; nothing is made per sample.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from enum import IntEnum

from anomaly_dataplane.series import Series

LARGEST_VALUE = 1e100
"""Beyond it the squares that detectors add up would overflow. Nothing measures that much."""


class Code(IntEnum):
    """What became of one sample. The names, in lower case, are the `status` of a verdict."""

    OK = 0
    WARMING = 1  # accepted; the window holds fewer than minSamples
    OUTLIER = 2  # accepted; beyond the threshold
    DUPLICATE = 3  # this (series, timestamp) was committed before; nothing changed
    LATE = 4  # older than the allowed lateness or than what has left the window; refused


@dataclass(slots=True)
class Batch:
    """The good samples of one request, as three columns of equal length.

    Attributes:
        series: whose sample it is.
        times: Unix time in milliseconds, finite and within the timestamp guard.
        values: of at most LARGEST_VALUE in size.
        size_bytes: of the body that brought them, for the buffer's byte bound.
    """

    series: list[Series]
    times: list[float]
    values: list[float]
    size_bytes: int = 0

    def __len__(self) -> int:
        return len(self.series)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An event that people hear of, as it stands in the outbox stream.

    Attributes:
        id: `<series id>-<time in microseconds>`, stable under retry.
        time: Unix time of the sample in milliseconds.
        score: of the method that raised it; for ZScore it is |z|.
        threshold: what the score had to reach.
        family: the evidence that won.
        expected: the band (low, high) in which the value would have been no outlier.
    """

    id: str
    metric: str
    labels: dict[str, str]
    time: float
    value: float
    score: float
    threshold: float
    family: str
    z: float
    mean: float
    std: float
    n: int
    expected: tuple[float, float]


@dataclass(slots=True)
class Verdicts:
    """What became of each sample of a batch, as columns in the batch's order.

    Attributes:
        codes: one `Code` each.
        z, mean, std, n: of the window before the sample; 0 for samples that were not scored.
        anomalies: by position, for the few samples that raised one.
    """

    codes: bytearray
    z: array[float]
    mean: array[float]
    std: array[float]
    n: array[int]
    anomalies: dict[int, Anomaly] = field(default_factory=dict)

    @classmethod
    def empty(cls, length: int) -> Verdicts:
        """Columns of zeros for a batch of `length` samples."""
        zeros = bytes(8 * length)
        return cls(
            bytearray(length),
            array("d", zeros),
            array("d", zeros),
            array("d", zeros),
            array("q", zeros),
        )
