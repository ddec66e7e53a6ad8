"""`Idempotency-Key`: a request sent again, to whichever pod, changes nothing."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import socket
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.receipts import Claims, MemoryClaims, checked, claims
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.store.connect import connect
from anomaly_dataplane.store.keys import RECEIPT_TTL_MS, Keys
from anomaly_dataplane.store.memory_store import MemoryStore
from faulty_store import Fault, FaultyStore
from outages import a_stack
from polling import eventually
from redis_server import RedisServer
from redis_stores import ACL_RULES, config_for, opened, set_user
from running_pod import Answer, RunningPod, running_pod
from samples import ZSCORE, a_config

NAME, OTHER = b"n" * 12, b"o" * 12


@pytest.fixture(params=["memory", "standalone", "cluster"])
async def kept(request: pytest.FixtureRequest) -> AsyncIterator[Claims]:
    if request.param == "memory":
        yield MemoryClaims()
        return
    servers = request.getfixturevalue(request.param)
    if request.param == "standalone":
        config = config_for(servers)
    else:
        config = config_for(*servers, mode="Cluster")
    async with opened(config) as store:
        yield claims(store, config.pipeline.uid, config.redis.partitions)


async def test_a_name_belongs_to_who_came_first(kept: Claims) -> None:
    """Who comes later learns what the first one said; claiming it again changes nothing."""
    assert await kept.claim(NAME, b"first\0") is None
    assert await kept.claim(NAME, b"second") == b"first\0"
    assert await kept.claim(NAME, b"first\0") is None
    assert await kept.claim(OTHER, b"second") is None
    names = [number.to_bytes(12) for number in range(2**32 - 8, 2**32 + 8)]
    assert [await kept.claim(name, b"") for name in names] == [None] * 16


async def test_a_claim_ends_after_its_time() -> None:
    """Else keys would fill the memory."""
    now = 1000.0
    kept = MemoryClaims(lambda: now)
    await kept.claim(NAME, b"first")
    now += RECEIPT_TTL_MS / 1e3 - 1
    assert await kept.claim(NAME, b"second") == b"first"
    now += 1
    assert await kept.claim(NAME, b"second") is None


async def test_a_claim_in_redis_expires(standalone: RedisServer) -> None:
    """By itself, under a key of the pipeline's own."""
    config = config_for(standalone)
    async with opened(config) as store:
        await claims(store, config.pipeline.uid, config.redis.partitions).claim(NAME, b"x")
    partitions = config.redis.partitions
    key = Keys(config.pipeline.uid, partitions).receipt(
        int.from_bytes(NAME[:4]) % partitions, NAME.hex()
    )
    with redis.Redis(port=standalone.port) as client:
        assert RECEIPT_TTL_MS - 60_000 < int(client.pttl(key)) <= RECEIPT_TTL_MS


@pytest.mark.parametrize(
    "key", ["a", "8e03978e-40d5-43e8-bc93-6894a57f9324", '"quoted"', "x" * 255]
)
def test_a_key_is_taken(key: str) -> None:
    """As it is."""
    assert checked(key) == key


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel", "a\tb"])
def test_anything_else_is_no_key(key: str) -> None:
    """And is told what would be."""
    with pytest.raises(BadPayload, match="1 to 255 printable ASCII"):
        checked(key)


BODY = json.dumps([{"metric": "m", "labels": {"d": str(i % 3)}, "value": i} for i in range(6)])


@pytest.fixture(params=[False, True], ids=["routes", "front"])
async def pod(request: pytest.FixtureRequest) -> AsyncIterator[RunningPod]:
    async with running_pod(limits(request.param)) as running:
        yield running


def limits(fast_path: bool) -> PipelineConfig:
    ingest = {"fastPath": fast_path, "maxFuture": "1m"}
    return replace(a_config(ingest=ingest, detection=ZSCORE), base_path="/team/boiler")


async def send(
    pod: RunningPod,
    key: str,
    body: object = BODY,
    path: str = "/api/v1/ingest",
    **headers: str,
) -> Answer:
    return await pod.ask(path, "POST", body, {"Idempotency-Key": key, **headers})


async def test_a_repeat_changes_nothing_though_its_samples_have_no_time(pod: RunningPod) -> None:
    """It is a success like the first, and says that it is a repeat."""
    first = await send(pod, "k-1", BODY + " ")
    assert (first.status, first.json["accepted"]) == (200, 6)
    assert "Idempotent-Replayed" not in first.headers
    for path in ("/api/v1/ingest", "/team/boiler/api/v1/ingest?verdicts=true"):
        again = await send(pod, "k-1", BODY + " ", path)
        assert (again.status, again.json["accepted"], again.json["duplicate"]) == (200, 0, 6)
        assert again.headers["Idempotent-Replayed"] == "true"
    packed = gzip.compress((BODY + " ").encode(), mtime=1)
    again = await send(pod, "k-1", packed, **{"Content-Encoding": "gzip"})
    assert again.json["duplicate"] == 6
    assert await pod.accepted() == 6
    counted = (await pod.admin("/metrics")).text
    assert 'requests_repeated_total{protocol="json"} 3.0' in counted
    assert 'samples_accepted_total{protocol="json"} 6.0' in counted


async def test_another_key_or_none_is_another_request(pod: RunningPod) -> None:
    """Samples without a time are then new ones."""
    for key in ("k-1", "k-2"):
        assert (await send(pod, key)).json["accepted"] == 6
    assert (await pod.ask("/api/v1/ingest", "POST", BODY)).json["accepted"] == 6
    assert await pod.accepted() == 18


async def test_a_key_with_another_body_is_422(pod: RunningPod) -> None:
    """A sender that mixes up its keys would else lose samples without hearing of it."""
    assert (await send(pod, "k-1")).status == 200
    mixed_up = await send(pod, "k-1", '{"metric": "m", "value": 1}')
    assert mixed_up.status == 422
    assert "take a new key for each request" in mixed_up.error
    assert await pod.accepted() == 6
    assert (await send(pod, "k-1")).json["duplicate"] == 6
    assert 'requests_rejected_total{code="422"} 1.0' in (await pod.admin("/metrics")).text


async def test_what_is_no_key_is_400(pod: RunningPod) -> None:
    """Before anything is taken."""
    for key in ("x" * 256, ""):
        answer = await send(pod, key)
        assert answer.status == 400
        assert "1 to 255 printable ASCII characters, such as a UUID" in answer.error
    assert await pod.accepted() == 0


async def test_a_body_that_nobody_can_use_leaves_its_key(pod: RunningPod) -> None:
    """To the same request once it is mended."""
    assert (await send(pod, "k-1", BODY[:-1])).status == 400
    mended = await send(pod, "k-1")
    assert (mended.status, mended.json["accepted"]) == (200, 6)
    assert "Idempotent-Replayed" not in mended.headers


async def test_a_repeat_is_judged_by_the_clock_of_the_first_try(pod: RunningPod) -> None:
    """What was too far ahead then is rejected again, though its time may have come."""
    ahead = json.dumps({"metric": "m", "value": 1, "timestamp": time.time() + 90})
    assert (await send(pod, "k-1", ahead)).status == 400
    intake = pod.pod.endpoints["/api/v1/ingest"].intake
    intake._wall_clock = lambda: time.time() + 120
    again = await send(pod, "k-1", ahead)
    assert (again.status, again.headers["Idempotent-Replayed"]) == (400, "true")
    assert "spec.ingest.maxFuture" in again.text
    assert await pod.accepted() == 0


async def test_history_and_live_samples_have_keys_of_their_own(pod: RunningPod) -> None:
    """A key means nothing beyond its path."""
    past = json.dumps({"metric": "m", "value": 1, "timestamp": time.time() - 50})
    assert (await send(pod, "k-1", past, "/api/v1/backfill")).json["accepted"] == 1
    assert (await send(pod, "k-1", past, "/api/v1/backfill")).json["duplicate"] == 1
    assert (await send(pod, "k-1")).json["accepted"] == 6


async def test_other_protocols_do_not_look_at_it(pod: RunningPod) -> None:
    """Their samples nearly always have times."""
    for _ in range(2):
        assert (await send(pod, "k-1", "m v=1", "/write")).status == 204
    assert await pod.accepted() == 2


async def test_a_first_try_that_was_refused_keeps_its_time() -> None:
    """503 and the same again: nothing is lost, and nothing counted twice."""
    store = FaultyStore(MemoryStore(), [Fault.BEFORE] * 1000)
    async with running_pod(limits(fast_path=True), store) as pod:
        assert (await send(pod, "k-1")).status == 503
        store.faults.clear()
        for counted in ("accepted", "duplicate"):
            again = await send(pod, "k-1")
            assert (again.status, again.json[counted]) == (200, 6)
            assert again.headers["Idempotent-Replayed"] == "true"
        assert await pod.accepted() == 6


class HeldClaims(MemoryClaims):
    """Answers when the test says so, as a Redis that hangs."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def claim(self, name: bytes, record: bytes) -> bytes | None:
        await self.gate.wait()
        return await super().claim(name, record)


async def test_bodies_that_wait_for_their_receipt_are_bounded() -> None:
    """Sixty-four large ones hold no more memory than the buffer may, and none of them is lost."""
    ingest, buffer = {"maxBodyBytes": 400_000}, {"maxBytes": 1_000_000, "maxSamples": 1000}
    async with running_pod(a_config(ingest=ingest, detection=ZSCORE, buffer=buffer)) as pod:
        receipts, claims = pod.pod.endpoints["/api/v1/ingest"].receipts, HeldClaims()
        assert receipts is not None
        receipts._claims = claims

        async def one(number: int) -> Answer:
            sample = {"metric": "m", "labels": {"n": str(number)}, "value": 1}
            body = json.dumps(sample).encode().ljust(300_000)
            return await send(pod, f"k-{number}", io.BytesIO(body))

        waiting = [asyncio.create_task(one(number)) for number in range(3)]
        while pod.pod.bodies.arriving_bytes < 900_000:  # noqa: ASYNC110  # a number has no event
            await asyncio.sleep(0.01)
        for number in range(3, 64):
            refused = await one(number)
            assert refused.status == 503
            assert refused.error == "too many bodies are arriving at once"
        claims.gate.set()
        assert [(await each).status for each in waiting] == [200] * 3
        assert pod.pod.bodies.arriving_bytes == 0
        assert await pod.accepted() == 3
        assert (await one(64)).status == 200


@contextmanager
def user(server: RedisServer, name: str, uid: str) -> Iterator[redis.Redis]:
    """A user of Redis for the length of a block, who may do what a pod must."""
    with redis.Redis(port=server.port) as admin:
        set_user(admin, name, "on", "nopass", f"~{{{uid}*", *ACL_RULES.split())
        try:
            yield admin
        finally:
            admin.acl_deluser(name)


async def test_another_pod_finishes_what_the_first_one_did_by_half(
    standalone: RedisServer,
) -> None:
    """Redis took the commit of one partition of four; the repeat brings the rest, and no more."""
    config = replace(config_for(standalone), ingest=a_config().ingest)
    uid, count = config.pipeline.uid, 40
    body = json.dumps([{"metric": "m", "labels": {"d": str(i)}, "value": i} for i in range(count)])
    with user(standalone, uid, uid) as admin:

        async def sent(key: str) -> tuple[Answer, int]:
            """By a pod that has just started, so that it knows nothing."""
            store = connect(config, Unobserved(), username=uid, password="none")
            async with running_pod(config, store) as pod:
                answer = await send(pod, key, body)
                return answer, await held()

        async def held() -> int:
            async with opened(config) as store:
                return (await store.totals()).samples

        readable, receipts = f"%R~{{{uid}*", f"~{{{uid}:*r:*"
        set_user(admin, uid, "resetkeys", readable, receipts, f"~{{{uid}:0}}*")
        refused, some = await sent("k-1")
        assert refused.status == 503
        assert refused.headers["Retry-After"].isdigit()
        assert 0 < some < count
        set_user(admin, uid, f"~{{{uid}*")
        answer, all_ = await sent("k-1")
        assert (answer.status, all_) == (200, count)
        assert (answer.json["accepted"], answer.json["duplicate"]) == (count - some, some)
        again, all_ = await sent("k-1")
        assert (again.json["duplicate"], all_) == (count, count)
        set_user(admin, uid, "resetkeys", readable)
        refused, _ = await sent("k-2")
        assert refused.status == 503
        assert "permission" in refused.error


@pytest.mark.redis
def test_a_pod_that_dies_before_its_answer_leaves_no_doubt(tmp_path: Path) -> None:
    """What it committed is not committed again by the pod that gets the repeat."""
    body = json.dumps([{"metric": "m", "labels": {"d": str(i)}, "value": i} for i in range(50)])
    with a_stack(tmp_path, detection=ZSCORE) as stack:
        other = stack.another_pod("other")
        other.start()
        head = (
            "POST /api/v1/ingest HTTP/1.1\r\nHost: pod\r\nIdempotency-Key: k-1\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", stack.pod.port)) as connection:
            connection.sendall((head + body).encode())
            eventually("it is committed", lambda: stack.totals().samples == 50)
            stack.pod.kill()
        request = urllib.request.Request(f"{other.url}/api/v1/ingest", body.encode())
        request.add_header("Idempotency-Key", "k-1")
        with urllib.request.urlopen(request, timeout=150) as answer:
            assert answer.headers["Idempotent-Replayed"] == "true"
            said = json.load(answer)
        assert (said["accepted"], said["duplicate"]) == (0, 50)
        assert stack.totals().samples == 50
