"""Backfill: a pipeline that is warm at once, and wakes nobody for what is long past."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.contract.config import parse
from anomaly_dataplane.contract.runtime import PATH_ANOMALIES, PATH_BACKFILL
from anomaly_dataplane.ingest.history import NOT_PAST, as_history
from anomaly_dataplane.ingest.parsed import Cause, Parsed
from anomaly_dataplane.sample import Batch
from anomaly_dataplane.series import Series
from running_pod import RunningPod, running_pod
from samples import ZSCORE

NOW_MS = 1_767_225_600_000.0
SERIES = Series("temperature", {}, 4)


def samples(start: float, values: list[float], **labels: str) -> list[dict[str, object]]:
    """One a second."""
    return [
        {"metric": "temperature", "labels": labels, "timestamp": start + i, "value": value}
        for i, value in enumerate(values)
    ]


STEADY = [20.0 + i % 3 for i in range(60)]


async def backfill(pod: RunningPod, body: object) -> dict[str, object]:
    """Send history; the answer's counts."""
    answer = await pod.ask(PATH_BACKFILL, "POST", json.dumps(body))
    assert answer.status == 200, answer.text
    return answer.json


async def anomalies(pod: RunningPod) -> list[object]:
    """All that people would hear of."""
    answer = await pod.ask(f"{PATH_ANOMALIES}?since=0")
    found = answer.json["anomalies"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("fast_path", [False, True])
async def test_history_warms_a_series_up_and_its_anomalies_are_kept_quiet(fast_path: bool) -> None:
    """The next live sample has a verdict at once, and is heard of if it is none of the usual."""
    config = parse(
        {"detection": {**ZSCORE, "holdOffSamples": 0}, "ingest": {"fastPath": fast_path}}
    )
    start = time.time() - 1000
    async with running_pod(config) as pod:
        answer = await backfill(pod, samples(start, [*STEADY, 90.0, *STEADY]))
        assert answer["accepted"] == 2 * len(STEADY) + 1
        assert await anomalies(pod) == []

        (live,) = samples(start + 500, [90.0])
        told = await pod.ingest(live, "?verdicts=true")
        verdict = told.json["verdicts"][0]  # type: ignore[index]
        assert verdict["status"] == "outlier"
        (event,) = await anomalies(pod)
        assert event["id"] == verdict["anomaly"]["id"]  # type: ignore[index]


async def test_live_samples_of_the_same_commit_are_heard_of() -> None:
    """A group holds requests of both kinds, and only those of history are kept quiet."""
    config = parse({"detection": ZSCORE})
    start = time.time() - 1000
    async with running_pod(config) as pod:
        for name in ("past", "now"):
            await backfill(pod, samples(start, STEADY, kind=name))
        await asyncio.gather(
            backfill(pod, samples(start + 100, [90.0], kind="past")),
            pod.ingest(samples(start + 100, [90.0], kind="now")),
        )
        (event,) = await anomalies(pod)
        assert event["labels"] == {"kind": "now"}  # type: ignore[index]


async def test_sending_history_again_changes_nothing() -> None:
    """A retry is a repeat, as everywhere."""
    start = time.time() - 1000
    async with running_pod(parse({"detection": ZSCORE})) as pod:
        await backfill(pod, samples(start, STEADY))
        again = await backfill(pod, samples(start, STEADY))
        assert (again["accepted"], again["duplicate"]) == (0, len(STEADY))


async def test_a_sample_without_a_time_in_the_past_is_rejected_and_says_why() -> None:
    """Taken for one of now it would make all further history late."""
    start = time.time() - 1000
    async with running_pod(parse({"detection": ZSCORE})) as pod:
        body = [*samples(start, [1.0]), {"metric": "temperature", "value": 2.0}]
        answer = await backfill(pod, body)
        assert (answer["accepted"], answer["rejected"]) == (1, 1)
        assert answer["errors"] == [{"index": 1, "reason": NOT_PAST}]


@given(st.lists(st.floats(-10, 10), max_size=20))
def test_what_is_not_past_is_named_by_its_place_and_the_rest_is_kept(offsets: list[float]) -> None:
    """Every sample is in exactly one of the two."""
    times = [NOW_MS + offset for offset in offsets]
    parsed = as_history(Parsed(Batch([SERIES] * len(times), times, offsets)), NOW_MS)
    assert parsed.batch.history
    assert parsed.batch.times == [at for at in times if at < NOW_MS]
    assert [each.index for each in parsed.rejected] == [
        i for i, at in enumerate(times) if at >= NOW_MS
    ]
    assert {each.cause for each in parsed.rejected} <= {Cause.TIMESTAMP}


def test_what_is_rejected_of_history_keeps_its_line_and_the_rest_stays_history() -> None:
    """Narrowing a request loses nothing that was known of it."""
    parsed = Parsed(
        Batch([SERIES] * 2, [NOW_MS, NOW_MS - 1], [1.0, 2.0], 10),
        closed=[(SERIES, NOW_MS)],
        line_starts=[0, 1],
    )
    left = as_history(parsed, NOW_MS)
    assert [each.line for each in left.rejected] == [parsed.line(0)]
    assert (left.batch.history, left.batch.size_bytes, left.closed) == (True, 10, parsed.closed)
    assert left.batch.pick([0], 5).history
