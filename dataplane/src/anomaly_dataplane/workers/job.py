"""A batch on its way through the lanes, and the way of its verdicts back into its own order."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_dataplane.errors import Refused
from anomaly_dataplane.sample import Batch, Verdicts


@dataclass(slots=True, eq=False)
class Job:
    """A batch and its answer.

    Attributes:
        waiting: parts that are not yet in.
        failure: of any part; the others are committed all the same.
    """

    batch: Batch
    answer: asyncio.Future[Verdicts]
    waiting: int = 0
    verdicts: Verdicts | None = None
    failure: Refused | None = None


@dataclass(slots=True, eq=False)
class Part:
    """The samples of a job that one lane commits.

    Attributes:
        batch: they, in the job's order.
        size: how many they are.
        positions: of each in the job; None if this is all of it.
        taken: samples that a group has taken so far.
    """

    job: Job
    batch: Batch
    size: int
    positions: Sequence[int] | None = None
    taken: int = 0


Slice = tuple[Part, int, int]
"""A part and the start and end of its samples that one group takes."""


def split(job: Job, lane_of: Sequence[int]) -> dict[int, Part]:
    """The parts of a job by lane; `lane_of` is the lane of each partition."""
    batch = job.batch
    series = batch.series
    positions: dict[int, list[int]] = defaultdict(list)
    for position, each in enumerate(series):
        positions[lane_of[each.partition]].append(position)
    if len(positions) == 1:
        return {lane: Part(job, batch, len(series)) for lane in positions}
    return {
        lane: Part(
            job,
            batch.pick(own, 0),  # the job has the size
            len(own),
            own,
        )
        for lane, own in positions.items()
    }


def hand_back(verdicts: Verdicts, offset: int, part: Part, start: int, end: int) -> None:
    """Give a job the verdicts of a slice of it; a group has them from `offset` on."""
    job = part.job
    last = offset + end - start
    if part.positions is None and end - start == part.size:
        # Nearly every job: committed in one piece.
        job.verdicts = _cut(verdicts, offset, last)
        return
    if job.verdicts is None:
        job.verdicts = Verdicts.empty(len(job.batch))
    if part.positions is None:
        _paste(verdicts, offset, last, job.verdicts, start)
    else:
        job.verdicts.put(part.positions[start:end], verdicts, offset)


def _cut(verdicts: Verdicts, first: int, last: int) -> Verdicts:
    if last - first == len(verdicts.codes):
        return verdicts
    return Verdicts(
        verdicts.codes[first:last],
        verdicts.z[first:last],
        verdicts.mean[first:last],
        verdicts.std[first:last],
        verdicts.n[first:last],
        verdicts.raised(first, last) if verdicts.anomalies else {},
    )


def _paste(verdicts: Verdicts, first: int, last: int, into: Verdicts, at: int) -> None:
    end = at + last - first
    into.codes[at:end] = verdicts.codes[first:last]
    into.z[at:end] = verdicts.z[first:last]
    into.mean[at:end] = verdicts.mean[first:last]
    into.std[at:end] = verdicts.std[first:last]
    into.n[at:end] = verdicts.n[first:last]
    for i, event in verdicts.raised(first, last).items():
        into.anomalies[at + i] = event
