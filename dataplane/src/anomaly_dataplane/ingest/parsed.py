"""What a protocol's parser makes of a body: the good samples as columns, the bad ones with reasons.

Every parser returns it, `admission.py` narrows it, `answer.py` tells the sender.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from anomaly_dataplane.errors import BatchTooLarge
from anomaly_dataplane.sample import Batch
from anomaly_dataplane.series import Series


class Cause(StrEnum):
    """Why a sample was rejected: a closed set, since it labels a metric."""

    SYNTAX = "syntax"  # not JSON, or no object
    FIELD = "field"  # a field missing, unknown or of the wrong type
    VALUE = "value"  # no number that can be used
    SERIES = "series"  # a metric name or labels beyond their limits
    TIMESTAMP = "timestamp"  # cannot be read
    FUTURE = "future"  # ahead of the pod's clock
    SIZE = "size"  # a message with more bytes than are allowed
    TOPIC = "topic"  # of a message, matching no template
    RETAINED = "retained"  # a message that is not new
    SERIES_LIMIT = "series_limit"  # of a new series, and there are enough
    UNSUPPORTED = "unsupported"  # a kind of metric that is not scored


@dataclass(frozen=True, slots=True)
class Rejection:
    """One sample that cannot be taken.

    Attributes:
        index: its place among the request's samples, from 0.
        line: of the body, from 1, where the protocol has lines.
    """

    index: int
    cause: Cause
    reason: str
    line: int | None = None


@dataclass(slots=True)
class Parsed:
    """A request's samples.

    Attributes:
        batch: the good ones, in request order.
        rejected: the bad ones, in order of index. All others are in `batch`.
        closed: series whose sender said that they have ended, and when, in Unix milliseconds.
        valueless: how many samples said, by the rules of their protocol, that there was nothing to
            measure. They have no index and are no part of the total.
        line_starts: for each line of the body how many samples stand before it, of protocols with
            lines that know; None otherwise.
        whole: keep all or nothing: with one rejected none is to be kept.
    """

    batch: Batch
    rejected: list[Rejection] = field(default_factory=list)
    closed: list[tuple[Series, float]] = field(default_factory=list)
    valueless: int = 0
    line_starts: Sequence[int] | None = None
    whole: bool = False

    @property
    def total(self) -> int:
        """Samples in the request, good or bad."""
        return len(self.batch.series) + len(self.rejected)

    def line(self, index: int) -> int | None:
        """The line, from 1, of the sample at an index of the request; None if it is not known."""
        return None if self.line_starts is None else bisect_right(self.line_starts, index)

    def positions(self) -> list[int]:
        """The index within the request of each sample of the batch."""
        if not self.rejected:
            return list(range(len(self.batch)))
        bad = {rejection.index for rejection in self.rejected}
        return [index for index in range(self.total) if index not in bad]

    def without(self, refused: Mapping[int, tuple[Cause, str]]) -> Parsed:
        """The same with some samples of the batch rejected: by their place in it, the reason."""
        batch = self.batch
        rejected = list(self.rejected)
        for i, position in enumerate(self.positions()):
            if i in refused:
                rejected.append(Rejection(position, *refused[i], self.line(position)))
        rejected.sort(key=lambda rejection: rejection.index)
        kept = [i for i in range(len(batch)) if i not in refused]
        return replace(self, batch=batch.pick(kept, batch.size_bytes), rejected=rejected)


class BadSample(Exception):
    """One sample cannot be taken; a parser turns it into a Rejection that says which."""

    def __init__(self, cause: Cause, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason


def too_many(max_samples: int) -> BatchTooLarge:
    """The error for more samples than the buffer ever holds."""
    return BatchTooLarge(
        f"more than {max_samples} samples in one request (spec.buffer.maxSamples); "
        "send smaller requests"
    )
