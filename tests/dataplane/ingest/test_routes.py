"""The ingest route of a whole pod over real sockets: codes, bodies, and no harm done."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator

import pytest

from anomaly_dataplane.contract.config import parse
from anomaly_dataplane.contract.runtime import PATH_INGEST
from anomaly_dataplane.store import Writes
from anomaly_dataplane.store.memory_store import MemoryStore
from faulty_store import Fault, FaultyStore
from running_pod import RunningPod, running_pod
from samples import ZSCORE

GOOD = {"metric": "temperature", "labels": {"device": "a"}, "value": 1.5}
SMALL = parse(
    {
        "basePath": "/team/boiler",
        "ingest": {"maxBodyBytes": 100_000},
        "buffer": {"maxSamples": 200, "maxBytes": 150_000},
        "detection": ZSCORE,
    }
)
GZIP = {"Content-Encoding": "gzip"}


@pytest.fixture
async def pod() -> AsyncIterator[RunningPod]:
    async with running_pod(SMALL) as running:
        yield running


async def test_a_sample_is_acknowledged_after_its_commit(pod: RunningPod) -> None:
    """One, several, one a line; packed or not; with the route's prefix or without."""
    body = json.dumps([GOOD, GOOD]).encode()
    assert (await pod.ingest(GOOD)).json == {
        "accepted": 1,
        "duplicate": 0,
        "late": 0,
        "rejected": 0,
        "errors": [],
    }
    assert (await pod.ingest(gzip.compress(body), headers=GZIP)).json["accepted"] == 2
    lines = {"Content-Type": "application/x-ndjson; charset=utf-8"}
    packed = gzip.compress(json.dumps(GOOD).encode() + b"\n")
    assert (await pod.ingest(packed, headers={**lines, **GZIP})).json["accepted"] == 1
    prefixed = await pod.ask("/team/boiler" + PATH_INGEST, "POST", json.dumps(GOOD))
    assert prefixed.status == 200
    assert prefixed.headers["Content-Type"] == "application/json"
    assert await pod.accepted() == 5


async def test_a_repeated_request_changes_nothing(pod: RunningPod) -> None:
    """What a retry sends again is counted as duplicate."""
    sample = {**GOOD, "timestamp": time.time()}
    assert (await pod.ingest(sample)).json["accepted"] == 1
    again = await pod.ingest(sample, "?verdicts=true")
    assert again.status == 200
    assert (again.json["accepted"], again.json["duplicate"]) == (0, 1)
    assert again.json["verdicts"][0]["status"] == "duplicate"  # type: ignore[index]
    assert await pod.accepted() == 1


async def test_an_outlier_is_told_on_request(pod: RunningPod) -> None:
    """With what it was measured against, and the anomaly that it raised."""
    start = time.time() - 100
    steady = [{**GOOD, "timestamp": start + i, "value": 10 + (i % 3) * 0.1} for i in range(60)]
    await pod.ingest([*steady])
    answer = await pod.ingest({**GOOD, "timestamp": start + 60, "value": 50}, "?verdicts=1")
    verdict = answer.json["verdicts"][0]  # type: ignore[index]
    assert verdict["status"] == "outlier"
    assert verdict["n"] == 60
    assert verdict["z"] > 100
    assert 10 < verdict["anomaly"]["expected"][1] < 11


async def test_good_samples_are_kept_beside_rejected_ones(pod: RunningPod) -> None:
    """200 by default; 400 with `strict`, and the body says that the good ones are kept."""
    mixed = b'[{"metric":"m","value":1},{"metric":"m","value":NaN}]'
    lenient = await pod.ingest(mixed, "?strict=false")
    assert lenient.status == 200
    strict = await pod.ingest(mixed, "?strict&verdicts=true")
    assert strict.status == 400
    assert strict.error == "1 of 2 samples were rejected; the others are kept"
    assert strict.json["accepted"] == 1
    assert strict.json["errors"] == [
        {"index": 1, "reason": "value must be a finite number, not NaN or infinite"}
    ]
    assert len(strict.json["verdicts"]) == 2  # type: ignore[arg-type]
    assert await pod.accepted() == 2


async def test_a_request_whose_samples_are_all_rejected_is_an_error(pod: RunningPod) -> None:
    """A device that sends only rubbish must hear of it."""
    answer = await pod.ingest([{**GOOD, "timestamp": time.time() + 3600}])
    assert answer.status == 400
    assert answer.json["rejected"] == 1
    assert "spec.ingest.maxFuture" in answer.text


async def chunks(size: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * size


BAD_BODIES = {
    "bad JSON": (b'{"metric": "m", "value": }', {}, 400, "not valid JSON"),
    "bad JSON in lines": (b'{"a\n{', {"Content-Type": "application/x-ndjson"}, 400, "rejected"),
    "wrong types": (b'{"metric": 1, "value": "x"}', {}, 400, "rejected"),
    "NaN": (b'{"metric": "m", "value": NaN}', {}, 400, "rejected"),
    "no samples": (b"[]", {}, 400, "no sample in the body"),
    "nothing": (b"", {}, 400, "the body is empty"),
    "nothing, packed": (gzip.compress(b""), GZIP, 400, "the body is empty"),
    "a gzip bomb": (gzip.compress(bytes(50_000_000)), GZIP, 413, "once decompressed"),
    "not gzip": (b'{"metric": "m", "value": 1}', GZIP, 400, "not valid gzip"),
    "half a gzip": (gzip.compress(b"x" * 100)[:-5], GZIP, 400, "cut short"),
    "zstd": (b"x", {"Content-Encoding": "zstd"}, 415, "send gzip, deflate or none"),
    "two encodings": (b"x", {"Content-Encoding": "gzip, gzip"}, 415, "send gzip"),
    "50 MB": (bytes(50_000_000), {}, 413, "larger than 100000 bytes"),
    "too many samples": (json.dumps([GOOD] * 201).encode(), {}, 413, "more than 200 samples"),
}


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"), BAD_BODIES.values(), ids=BAD_BODIES.keys()
)
async def test_a_bad_body_is_refused_and_does_no_harm(
    pod: RunningPod, body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    """A clear 4xx in JSON; no state changed; the pod goes on."""
    answer = await pod.ingest(body, headers=headers)

    assert answer.status == status
    assert reason in answer.error
    assert await pod.accepted() == 0
    assert pod.pod.workers.samples == 0
    assert (await pod.admin("/livez")).status == 200
    assert (await pod.ingest(GOOD)).status == 200


async def test_a_body_of_unannounced_length_is_bounded_too(pod: RunningPod) -> None:
    """Chunked uploads stop at the limit."""
    url = f"http://127.0.0.1:{pod.ports.http_port}{PATH_INGEST}"
    async with pod.session.post(url, data=chunks(10_000, 100)) as answer:
        assert answer.status == 413


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("?verdict=true", "unknown query parameter 'verdict'; known: verdicts, strict"),
        ("?verdicts=maybe", "verdicts must be true or false, not 'maybe'"),
    ],
)
async def test_a_query_that_is_not_understood_is_refused(
    pod: RunningPod, query: str, reason: str
) -> None:
    """A misspelt parameter must not silently do nothing."""
    answer = await pod.ingest(GOOD, query)
    assert answer.status == 400
    assert reason in answer.error
    assert await pod.accepted() == 0


async def test_wrong_paths_and_methods_are_told_what_there_is(pod: RunningPod) -> None:
    """In JSON, as every error."""
    missing = await pod.ask("/api/v2/ingest", "POST", b"x")
    assert missing.status == 404
    assert "POST /team/boiler/api/v1/ingest" in missing.json["paths"]  # type: ignore[operator]
    wrong = await pod.ask(PATH_INGEST)
    assert wrong.status == 405
    assert wrong.headers["Allow"] == "POST"
    assert "it takes POST" in wrong.error


async def test_a_store_that_is_away_is_503_with_retry_after() -> None:
    """The sender keeps its samples and comes back."""
    store = FaultyStore(MemoryStore(), [Fault.BEFORE] * 1000)
    async with running_pod(SMALL, store) as pod:
        answer = await pod.ingest(GOOD)
        assert answer.status == 503
        assert answer.headers["Retry-After"].isdigit()
        store.faults.clear()
        assert (await pod.ingest(GOOD)).status == 200
        assert await pod.accepted() == 1


def hold_commits(monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """Have commits wait; returns what is set when one waits, and what lets them go."""
    entered, gate = asyncio.Event(), asyncio.Event()
    commit = MemoryStore.commit

    async def held(self: MemoryStore, partition: int, writes: Writes, now_ms: int) -> list[int]:
        entered.set()
        await gate.wait()
        return await commit(self, partition, writes, now_ms)

    monkeypatch.setattr(MemoryStore, "commit", held)
    return entered, gate


async def test_a_full_buffer_is_503_with_retry_after(
    pod: RunningPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, while the samples that are in go on."""
    entered, gate = hold_commits(monkeypatch)
    held = asyncio.create_task(pod.ingest([GOOD] * 150))
    await entered.wait()
    refused = await pod.ingest([GOOD] * 100)
    assert refused.status == 503
    assert refused.headers["Retry-After"].isdigit()
    assert "150 of 200 samples" in refused.error
    gate.set()
    assert (await held).status == 200
    assert 'requests_refused_total{reason="buffer_full"} 1' in (await pod.admin("/metrics")).text


async def raw_request(pod: RunningPod, text: bytes) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", pod.ports.http_port)
    writer.write(text)
    await writer.drain()
    return writer


HALF = (
    b"POST /api/v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n"
    b'[{"metric":"m","value":1},'
)


async def test_a_client_that_goes_away_in_its_body_changes_and_leaks_nothing(
    pod: RunningPod,
) -> None:
    """Nothing is kept of half a request, not even its bytes."""
    for _ in range(20):
        writer = await raw_request(pod, HALF)
        writer.close()
        await writer.wait_closed()
    assert (await pod.ingest(GOOD)).status == 200
    assert await pod.accepted() == 1
    assert "requests_failed_total 0" in (await pod.admin("/metrics")).text


async def test_a_client_that_goes_away_before_its_answer_has_its_samples_counted_once(
    pod: RunningPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed stays; its retry is a duplicate."""
    entered, gate = hold_commits(monkeypatch)
    body = json.dumps({**GOOD, "timestamp": time.time()}).encode()
    head = b"POST /api/v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    writer = await raw_request(pod, head + body)
    await entered.wait()
    writer.close()
    await writer.wait_closed()
    gate.set()
    assert (await pod.ingest(body)).json["duplicate"] == 1
    assert await pod.accepted() == 1
    assert pod.pod.workers.samples == 0


async def test_a_slow_body_is_given_up() -> None:
    """With 503, since a faster try may pass."""
    async with running_pod(SMALL, ANOMALY_BODY_SECONDS="1") as pod:
        reader, writer = await asyncio.open_connection("127.0.0.1", pod.ports.http_port)
        writer.write(HALF)
        assert (await reader.readline()).startswith(b"HTTP/1.1 503")
        writer.close()


async def test_oversized_headers_are_refused(pod: RunningPod) -> None:
    """By aiohttp, before any of our code runs."""
    answer = await pod.ask("/x", headers={"X-Long": "x" * 10_000})
    assert answer.status == 400
