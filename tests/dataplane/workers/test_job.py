"""Splitting a batch by lanes, and its verdicts finding home."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.sample import Anomaly, Batch, Verdicts
from anomaly_dataplane.workers.job import Job, Part, hand_back, split
from samples import START_MS, a_series

SERIES = [a_series(device=str(i)) for i in range(12)]
LANE_OF = [2, 0, 2, 1]


def a_job(indices: list[int]) -> Job:
    loop = asyncio.new_event_loop()
    batch = Batch(
        [SERIES[i] for i in indices],
        [START_MS + 1000.0 * i for i in range(len(indices))],
        [float(i) for i in range(len(indices))],
    )
    try:
        return Job(batch, loop.create_future())
    finally:
        loop.close()


def an_anomaly(value: float) -> Anomaly:
    return Anomaly("id", "m", {}, 0.0, value, 3.0, 2.0, "zscore", 3.0, 0.0, 1.0, 30, (-2.0, 2.0))


def test_a_batch_of_one_lane_is_not_copied() -> None:
    """One Redis primary, or one sample: nothing to split."""
    job = a_job([0, 0, 0])

    (part,) = split(job, LANE_OF).values()

    assert part.batch is job.batch
    assert part.positions is None


@given(st.lists(st.integers(0, 11), min_size=1, max_size=60), st.booleans(), st.data())
def test_every_sample_goes_to_the_lane_of_its_partition_and_its_verdict_comes_back(
    indices: list[int], several: bool, data: st.DataObject
) -> None:
    """However the groups cut the parts and whatever else they hold."""
    job = a_job(indices)
    parts = split(job, LANE_OF) if several else {0: Part(job, job.batch, len(indices))}
    for lane, part in parts.items():
        if several:
            assert {LANE_OF[series.partition] for series in part.batch.series} == {lane}
        start = 0
        while start < part.size:
            end = data.draw(st.integers(start + 1, part.size))
            offset = data.draw(st.integers(0, 3))
            group = Verdicts.empty(offset + end - start + data.draw(st.integers(0, 3)))
            for i in range(start, end):
                mark = part.batch.values[i]
                at = offset + i - start
                group.codes[at] = int(mark) % 5
                group.z[at] = group.mean[at] = group.std[at] = mark
                group.n[at] = int(mark)
                if int(mark) % 3 == 0:
                    group.anomalies[at] = an_anomaly(mark)
            hand_back(group, offset, part, start, end)
            start = end

    assert job.verdicts is not None
    marks = job.batch.values
    assert list(job.verdicts.codes) == [int(mark) % 5 for mark in marks]
    assert list(job.verdicts.z) == list(job.verdicts.mean) == list(job.verdicts.std) == marks
    assert list(job.verdicts.n) == [int(mark) for mark in marks]
    assert {i: event.value for i, event in job.verdicts.anomalies.items()} == {
        i: mark for i, mark in enumerate(marks) if int(mark) % 3 == 0
    }
