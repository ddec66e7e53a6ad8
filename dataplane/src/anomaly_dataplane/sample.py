"""The values that cross stages: a batch of samples on the way in, its verdicts on the way out.

A request's samples stay one object of columns from parser to commit; nothing is made per sample.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

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
    CLOSED = 5  # no sample: the sender said that the series has ended


class Kind(StrEnum):
    """What an event tells."""

    RAISED = "Raised"  # an episode began, or goes on and is told again
    RECOVERED = "Recovered"  # the episode is over


class Side(StrEnum):
    """On which side of the expected value the sample was."""

    ABOVE = "Above"
    BELOW = "Below"
    NONE = "None"  # there was no sample: the series is silent


class Trigger(StrEnum):
    """Why an episode began."""

    SCORE = "Score"  # the method's score reached the threshold
    OUT_OF_RANGE = "OutOfRange"  # the value is outside validRange
    STALE = "Stale"  # the series stopped reporting


class Ending(StrEnum):
    """Why an episode is over; of an event that tells that one began it is ONGOING."""

    ONGOING = ""
    CALM = "Calm"  # the score fell below the share of the threshold that re-arms
    NEW_NORMAL = "NewNormal"  # it lasted so long that it is how the series is now
    REPORTING = "Reporting"  # a silent series reports again
    RESTARTED = "Restarted"  # the series starts over: after a gap, or with another transform
    CLOSED = "Closed"  # the sender said that the series has ended


@dataclass(slots=True)
class Batch:
    """The good samples of one request, as three columns of equal length.

    Attributes:
        series: whose sample it is.
        times: Unix time in milliseconds, finite and within the timestamp guard.
        values: of at most LARGEST_VALUE in size; NaN says that the series has ended at that time
            (Prometheus' stale marker), so that its silence is no anomaly.
        size_bytes: of the body that brought them, for the buffer's byte bound.
        history: they are to be learnt from; nobody is to hear of anomalies in them.
    """

    series: list[Series]
    times: list[float]
    values: list[float]
    size_bytes: int = 0
    history: bool = False

    def __len__(self) -> int:
        return len(self.series)

    def pick(self, positions: Sequence[int], size_bytes: int) -> Batch:
        """Some of the samples, in the order of `positions`, with a size of their own."""
        return Batch(
            [self.series[i] for i in positions],
            [self.times[i] for i in positions],
            [self.values[i] for i in positions],
            size_bytes,
            self.history,
        )


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An event that people hear of, as it stands in the outbox stream.

    Attributes:
        id: `<series id>-<time in microseconds>`, stable under retry; `-stale` follows where the
            trigger is STALE, and `-end` behind the id of its episode is that of a RECOVERED event.
        time: Unix time of the sample in milliseconds: of the one that raised it, or that ended it.
        value: as it was sent.
        score: of the method that raised it; for ZScore it is |z|.
        threshold: what the score had to reach.
        family: the evidence that won.
        z, mean, std, n: of the window before the sample, which held `n` samples.
        expected: the band (low, high) in which the value would have been no outlier; like `mean`
            and `std` in units of `scored_value`.
        kind: whether an episode begins or is over.
        direction: the side of what was expected.
        method: that raised it.
        trigger: why the episode began.
        weight: share of the score that is the winning family's, 0 to 1.
        transform: what was done to the value before it was scored.
        scored_value: what came of that; `value` itself if nothing was done.
        span_seconds: from the oldest to the newest sample of the window.
        rule: the override that applied to the series, empty if none did.
        episode: id of the event that began the episode; `id` itself for that one. Raised again
            after repeatAfterSamples, it is an event with a new id and the same episode.
        episode_start: time of that event.
        ending: of a RECOVERED event, why.
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
    kind: Kind = Kind.RAISED
    direction: Side = Side.NONE
    method: str = ""
    trigger: Trigger = Trigger.SCORE
    weight: float = 0.0
    transform: str = "None"
    scored_value: float | None = None
    span_seconds: float = 0.0
    rule: str = ""
    episode: str = ""
    episode_start: float = 0.0
    ending: Ending = Ending.ONGOING


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

    def put(self, positions: Sequence[int], found: Verdicts, first: int = 0) -> None:
        """Take over, at these positions, as many verdicts of another batch from `first` on."""
        for i, position in enumerate(positions, first):
            self.codes[position] = found.codes[i]
            self.z[position] = found.z[i]
            self.mean[position] = found.mean[i]
            self.std[position] = found.std[i]
            self.n[position] = found.n[i]
        for i, event in found.raised(first, first + len(positions)).items():
            self.anomalies[positions[i]] = event

    def raised(self, first: int, last: int) -> dict[int, Anomaly]:
        """The anomalies among some samples, counted from the first of these."""
        events = self.anomalies
        # A group may hold many of both, so never all anomalies for each of five hundred slices.
        if last - first < len(events):
            return {i - first: events[i] for i in range(first, last) if i in events}
        return {i - first: event for i, event in events.items() if first <= i < last}

    def pick(self, positions: list[int]) -> Verdicts:
        """Those at some positions, in their order."""
        return Verdicts(
            bytearray(self.codes[i] for i in positions),
            array("d", [self.z[i] for i in positions]),
            array("d", [self.mean[i] for i in positions]),
            array("d", [self.std[i] for i in positions]),
            array("q", [self.n[i] for i in positions]),
            {place: self.anomalies[i] for place, i in enumerate(positions) if i in self.anomalies},
        )
