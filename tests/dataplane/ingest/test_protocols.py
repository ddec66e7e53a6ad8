"""What every wire protocol owes its senders, through a whole pod behind either HTTP server.

Four pods: in the test's process behind either server, and two processes of their own, on one Redis
and on a Cluster. Faults that are made to order are for the first two.

A new protocol adds its speaker to `tests/support/speakers.py` and is held to all of this.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast
from uuid import uuid4

import pytest

from anomaly_dataplane.contract.config import PipelineConfig, parse
from anomaly_dataplane.ingest.registry import PROTOCOLS
from anomaly_dataplane.store.memory_store import MemoryStore
from faulty_store import Fault, FaultyStore
from held_store import HeldStore
from outages import PodProcess
from raw_http import request, wire
from redis_server import RedisServer
from running_pod import Answer, RunningPod, running_pod
from samples import ZSCORE
from served_pods import TOKEN, ServedPod, asking, pod_process
from speakers import SPEAKERS, Said, Speaker, Told

ALL = [name.value for name in PROTOCOLS]


def document(fast_path: bool, protocols: Sequence[str] = ALL) -> dict[str, Any]:
    return {
        "basePath": "/team/boiler",
        "ingest": {
            "maxBodyBytes": 100_000,
            "fastPath": fast_path,
            "protocols": list(protocols),
        },
        "buffer": {"maxSamples": 200, "maxBytes": 150_000},
        "detection": ZSCORE,
    }


def limits(fast_path: bool, protocols: Sequence[str] = ALL) -> PipelineConfig:
    return parse(document(fast_path, protocols))


@pytest.fixture(scope="module")
def pod_on_redis(
    standalone: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PodProcess]:
    folder = tmp_path_factory.mktemp("pod-on-redis")
    with pod_process(folder, document(fast_path=True), "Standalone", [standalone]) as process:
        yield process


@pytest.fixture(scope="module")
def pod_on_a_cluster(
    cluster: list[RedisServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PodProcess]:
    folder = tmp_path_factory.mktemp("pod-on-a-cluster")
    with pod_process(folder, document(fast_path=False), "Cluster", cluster) as process:
        yield process


@pytest.fixture(params=SPEAKERS, ids=str)
def speaker(request: pytest.FixtureRequest) -> Speaker:
    return cast(Speaker, request.param)


@pytest.fixture(params=[False, True], ids=["routes", "front"])
def fast_path(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=["routes", "front", "pod_on_redis", "pod_on_a_cluster"])
async def pod(request: pytest.FixtureRequest) -> AsyncIterator[ServedPod]:
    if request.param in ("routes", "front"):
        async with running_pod(limits(request.param == "front")) as running:
            yield running
    else:
        async with asking(request.getfixturevalue(request.param)) as served:
            yield served


async def send(pod: ServedPod, said: Said, prefix: str = "") -> Answer:
    return await pod.ask(prefix + said.path, "POST", said.body, said.headers)


class Some(Protocol):
    """Samples of two series that no other test has, the newest of now."""

    def __call__(self, count: int, start_ms: int | None = None) -> list[Told]: ...


@pytest.fixture
def some() -> Some:
    site = uuid4().hex

    def told(count: int, start_ms: int | None = None) -> list[Told]:
        start = int(time.time() * 1e3) - 1000 * count if start_ms is None else start_ms
        return [
            Told(
                "boiler_temperature",
                70.5 + i,
                start + 1000 * i,
                {"device": f"d{i % 2}", "site": site},
            )
            for i in range(count)
        ]

    return told


def test_every_protocol_has_a_speaker() -> None:
    """Else it would be held to nothing."""
    assert {speaker.protocol for speaker in SPEAKERS} == set(PROTOCOLS)


async def test_samples_are_committed_before_the_answer(
    pod: ServedPod, speaker: Speaker, some: Some
) -> None:
    """With the pipeline's prefix and without; sent again they change nothing."""
    said = speaker.say(some(10))
    for prefix in ("", "/team/boiler"):
        answer = await send(pod, said, prefix)
        assert answer.status == speaker.success, answer.text
        assert await pod.accepted() == 10
    assert await pod.counted("samples_received_total", protocol=speaker.label) == 20
    assert await pod.counted("samples_accepted_total", protocol=speaker.label) == 10
    assert await pod.counted("samples_duplicate_total") == 10


async def test_good_samples_are_kept_beside_a_bad_one(
    pod: ServedPod, speaker: Speaker, some: Some
) -> None:
    """Which is named, and counted by protocol and reason."""
    answer = await send(pod, speaker.say_with_a_bad_one(some(10)))
    assert answer.status == speaker.partial
    assert speaker.reason(answer)
    assert await pod.accepted() == 10
    assert await pod.counted("samples_rejected_total", protocol=speaker.label) == 1


async def test_rubbish_is_400_and_no_harm_is_done(
    pod: ServedPod, speaker: Speaker, some: Some
) -> None:
    """In the form of the protocol's errors, on a connection that goes on."""
    answer = await send(pod, speaker.say_rubbish())
    assert answer.status == 400
    assert speaker.reason(answer)
    assert (await send(pod, speaker.say(some(1)))).status == speaker.success
    assert await pod.accepted() == 1


async def test_what_is_too_large_is_413(pod: ServedPod, speaker: Speaker, some: Some) -> None:
    """As it is sent, and in samples."""
    whole = speaker.say(some(1))
    large = Said(whole.path, bytes(100_001), whole.headers)
    for said in (large, speaker.say(some(201))):
        answer = await send(pod, said)
        assert answer.status == 413
        assert speaker.reason(answer)
    assert await pod.accepted() == 0


@cache
def bomb() -> bytes:
    """Fifty megabytes; made once, as that takes longer than all that is done with it."""
    return gzip.compress(bytes(50_000_000))


async def test_a_bomb_is_413(pod: ServedPod, speaker: Speaker, some: Some) -> None:
    """Or is not understood, by protocols that have no gzip."""
    said = speaker.say(some(1))
    packed = {**said.headers, "Content-Encoding": "gzip"}
    answer = await pod.ask(said.path, "POST", bomb(), packed)
    assert answer.status in (413, 415)
    assert speaker.reason(answer)
    assert (await pod.admin("/livez")).status == 200


async def test_an_unknown_encoding_is_415(pod: ServedPod, speaker: Speaker, some: Some) -> None:
    """Not taken for plain text."""
    said = speaker.say(some(1))
    answer = await pod.ask(said.path, "POST", said.body, {**said.headers, "Content-Encoding": "br"})
    assert answer.status == 415
    assert speaker.reason(answer)


PACKED: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "X-GZip": gzip.compress,
    "deflate": zlib.compress,
}


async def test_every_usual_encoding_is_understood(
    pod: ServedPod, speaker: Speaker, some: Some
) -> None:
    """But by remote write, which knows Snappy alone; and lists of encodings by nobody."""
    said = speaker.say(some(1))
    usual = 415 if speaker.label == "remote_write" else speaker.success
    for encoding, pack in PACKED.items():
        headers = {**said.headers, "Content-Encoding": encoding}
        answer = await pod.ask(said.path, "POST", pack(said.body), headers)
        # An empty header is none, to everybody.
        assert answer.status == (usual if encoding else speaker.success), encoding
    for encoding in ("zstd", "gzip, gzip", "snappy" if usual != 415 else "snappy, snappy"):
        headers = {**said.headers, "Content-Encoding": encoding}
        answer = await pod.ask(said.path, "POST", said.body, headers)
        assert answer.status == 415, encoding
        assert speaker.reason(answer)
    assert await pod.accepted() == 1


async def test_other_methods_are_told_what_the_path_takes(
    pod: ServedPod, speaker: Speaker, some: Some
) -> None:
    """Whoever looks whether anybody is there hears so, and nothing is taken."""
    path = speaker.say(some(1)).path
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
        answer = await pod.ask(path, method)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert await pod.accepted() == 0


async def test_a_sender_may_wait_for_leave_to_send_its_body(
    fast_path: bool, speaker: Speaker, some: Some
) -> None:
    """`Expect: 100-continue`, as curl and Java's clients do with large bodies."""
    said = speaker.say(some(3))
    headers = [f"{name}: {value}" for name, value in said.headers.items()]
    whole = request("POST", said.path, said.body, "Expect: 100-continue", *headers)
    async with running_pod(limits(fast_path)) as pod, wire(pod.ports.http_port) as opened:
        assert (await opened.ask(whole.removesuffix(said.body))).status == 100
        assert (await opened.ask(said.body)).status == speaker.success
        assert await pod.accepted() == 3


async def test_a_sample_ahead_of_the_clock_is_turned_away(
    pod: ServedPod, speaker: Speaker, some: Some
) -> None:
    """Alone it is an error, beside good ones it is one of them."""
    ahead = some(1, int(time.time() * 1e3) + 3_600_000)
    for told, status in ((ahead, None), (some(2) + ahead, speaker.partial)):
        answer = await send(pod, speaker.say(told))
        assert answer.status == status or status is None
        assert "spec.ingest.maxFuture" in answer.text
    assert await pod.accepted() == 2
    ahead_of_the_clock = {"protocol": speaker.label, "reason": "future"}
    assert await pod.counted("samples_rejected_total", **ahead_of_the_clock) == 2


async def test_a_late_sample_is_counted_and_not_an_error(
    pod: ServedPod, speaker: Speaker, some: Some
) -> None:
    """Nothing that a sender could do about it, so no reason to make it stumble."""
    now_ms = int(time.time() * 1e3)
    await send(pod, speaker.say(some(1, now_ms)))
    answer = await send(pod, speaker.say(some(1, now_ms - 3_600_000)))
    assert answer.status == speaker.success
    assert await pod.accepted() == 1
    assert await pod.counted("samples_late_total") == 1


async def test_a_store_that_is_away_is_503_with_whole_seconds(
    fast_path: bool, speaker: Speaker, some: Some
) -> None:
    """Of Retry-After; the same request passes once it is back."""
    store = FaultyStore(MemoryStore(), [Fault.BEFORE] * 1000)
    said = speaker.say(some(3))
    async with running_pod(limits(fast_path), store) as pod:
        answer = await send(pod, said)
        assert answer.status == 503
        assert answer.headers["Retry-After"].isdigit()
        assert speaker.reason(answer)
        store.faults.clear()
        assert (await send(pod, said)).status == speaker.success
        assert await pod.accepted() == 3


async def test_a_full_buffer_is_503_with_whole_seconds(
    fast_path: bool, speaker: Speaker, some: Some
) -> None:
    """At once, while the samples that are in go on."""
    store = HeldStore()
    async with running_pod(limits(fast_path), store) as pod:
        held = asyncio.create_task(send(pod, speaker.say(some(150))))
        await store.entered.wait()
        refused = await send(pod, speaker.say(some(100)))
        assert refused.status == 503
        assert refused.headers["Retry-After"].isdigit()
        assert "150 of 200 samples" in speaker.reason(refused)
        store.gate.set()
        assert (await held).status == speaker.success
        assert await pod.accepted() == 150


async def test_a_protocol_that_is_not_switched_on_is_404(
    fast_path: bool, speaker: Speaker, some: Some
) -> None:
    """In its own words, with what to change."""
    others = [name for name in ALL if name != speaker.protocol]
    async with running_pod(limits(fast_path, others)) as pod:
        answer = await send(pod, speaker.say(some(1)))
        assert answer.status == 404
        told = f"{speaker.protocol} is not switched on; this pipeline takes"
        assert speaker.reason(answer).startswith(told)
        assert "spec.ingest.protocols" in answer.text


async def test_one_sample_in_any_protocol_is_one_sample(pod: ServedPod, some: Some) -> None:
    """A series is its name and labels, a sample its series and time, whoever brings it."""
    told = some(4)
    for speaker in SPEAKERS:
        assert (await send(pod, speaker.say(told))).status == speaker.success
        assert await pod.accepted() == 4
    assert await pod.series() == 2


async def test_a_pod_of_its_own_lets_nobody_in_without_a_token(
    pod_on_redis: PodProcess, speaker: Speaker, some: Some
) -> None:
    """In the protocol's own words."""
    said = speaker.say(some(1))
    async with asking(pod_on_redis) as pod:
        refused = {**said.headers, "Authorization": "Bearer wrong"}
        answer = await pod.ask(said.path, "POST", said.body, refused)
        assert answer.status == 401
        assert "authorization failed" in speaker.reason(answer)
        basic = base64.b64encode(f"any:{TOKEN}".encode()).decode()
        for value in (f"Token {TOKEN}", f"Basic {basic}"):
            allowed = {**said.headers, "Authorization": value}
            answer = await pod.ask(said.path, "POST", said.body, allowed)
            assert answer.status == speaker.success
        assert await pod.accepted() == 1


def with_tokens(fast_path: bool, **ingest: object) -> PipelineConfig:
    auth = {"tokenSecretRef": {"name": "tokens"}}
    return parse({"ingest": {"fastPath": fast_path, "auth": auth, **ingest}, "detection": ZSCORE})


async def test_without_a_valid_token_it_is_401(
    fast_path: bool, speaker: Speaker, tmp_path: Path, some: Some
) -> None:
    """In the protocol's own words, before anything is read; every key of the Secret will do."""
    (tmp_path / "a").write_text("first")
    (tmp_path / "b").write_text("second")
    said = speaker.say(some(3))
    config = with_tokens(fast_path)
    async with running_pod(config, ANOMALY_TOKEN_SECRET_DIR=str(tmp_path)) as pod:
        for headers in ({}, {"Authorization": "Bearer other"}):
            answer = await send(pod, Said(said.path, said.body, {**said.headers, **headers}))
            assert answer.status == 401
            assert "authorization failed" in speaker.reason(answer)
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert await pod.accepted() == 0
        for value in ("Bearer first", "Token second"):
            headers = {**said.headers, "Authorization": value}
            answer = await send(pod, Said(said.path, said.body, headers))
            assert answer.status == speaker.success
        assert await pod.accepted() == 3
        for path in ("/api/v1/stats", "/api/v1/anomalies", "/query?q=SHOW%20DATABASES"):
            assert (await pod.ask(path)).status == 401
            allowed = await pod.ask(path, headers={"Authorization": "Bearer first"})
            assert allowed.status == 200
        for path, status in (("/ping", 204), ("/health", 200), ("/ready", 200)):
            assert (await pod.ask(path)).status == status
        for path in ("/livez", "/readyz", "/metrics", "/api/v1/stats"):
            assert (await pod.admin(path)).status == 200
        (tmp_path / "a").unlink()
        pod.pod.gate.look()
        answer = await send(
            pod, Said(said.path, said.body, {**said.headers, "Authorization": "Bearer first"})
        )
        assert answer.status == 401


async def test_beyond_the_rate_of_a_token_it_is_503(
    fast_path: bool, speaker: Speaker, tmp_path: Path, some: Some
) -> None:
    """With whole seconds of Retry-After; other tokens are none the worse for it."""
    (tmp_path / "a").write_text("first")
    (tmp_path / "b").write_text("second")
    said = speaker.say(some(1))
    limit = {"requestsPerSecond": 1, "burst": 2}
    config = with_tokens(fast_path, rateLimit=limit)

    async def send_as(pod: RunningPod, token: str) -> Answer:
        headers = {**said.headers, "Authorization": f"Bearer {token}"}
        return await send(pod, Said(said.path, said.body, headers))

    async with running_pod(config, ANOMALY_TOKEN_SECRET_DIR=str(tmp_path)) as pod:
        answers = [await send_as(pod, "first") for _ in range(5)]
        assert [answer.status for answer in answers[:2]] == [speaker.success] * 2
        assert answers[-1].status == 503
        assert answers[-1].headers["Retry-After"].isdigit()
        assert "spec.ingest.rateLimit" in speaker.reason(answers[-1])
        assert (await send_as(pod, "second")).status == speaker.success
        assert 'requests_refused_total{reason="rate_limited"}' in (await pod.admin("/metrics")).text
