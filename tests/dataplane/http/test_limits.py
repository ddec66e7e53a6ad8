"""Bounds: on sizes, on time, on connections, on what a sender that does not read may pile up."""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path

import pytest

from anomaly_dataplane.contract.runtime import PATH_INGEST
from held_store import HeldStore
from http_pods import RunPod
from raw_http import Wire, request, wire
from running_pod import RunningPod

SAMPLE = b'{"metric":"m","value":1}'


@pytest.mark.parametrize(
    "text",
    [
        request("POST", PATH_INGEST + "?" + "x" * 9000),
        request("POST", PATH_INGEST, SAMPLE, "X: " + "y" * 9000),
        request("POST", PATH_INGEST, SAMPLE, "y" * 9000 + ": x"),
        request("POST", PATH_INGEST, SAMPLE, *(f"X-{i}: y" for i in range(200))),
    ],
    ids=["the request line", "a value", "a name", "their number"],
)
async def test_a_head_that_is_too_large_is_refused(pod: RunningPod, text: bytes) -> None:
    """In one packet or in many; and its connection ends."""
    for packets in ([text], [text[at : at + 1000] for at in range(0, len(text), 1000)]):
        async with wire(pod.ports.http_port) as opened:
            assert (await opened.ask(*packets)).status == 400
            assert await opened.closed()
    assert await pod.accepted() == 0


async def test_a_head_without_end_is_refused(pod: RunningPod) -> None:
    """A megabyte of headers, each of which is small."""
    start = b"POST /api/v1/ingest HTTP/1.1\r\nHost: pod\r\n"
    async with wire(pod.ports.http_port) as opened:
        await opened.send(start, *(b"X-%d: %b\r\n" % (i, b"y" * 8000) for i in range(129)))
        assert (await opened.answer()).status == 400
        assert await opened.closed()


@pytest.mark.parametrize("size", [100_001, 2_000_000])
async def test_a_body_that_is_too_large_is_413_and_the_connection_goes_on(
    pod: RunningPod, size: int
) -> None:
    """What is left of it is read over, as long as that does not take too long."""
    async with wire(pod.ports.http_port) as opened:
        assert (await opened.ask(request(body=b" " * size))).status == 413
        assert (await opened.ask(request())).status == 200
    assert pod.pod.bodies.arriving_bytes == 0


async def test_a_body_that_says_that_it_is_too_large_is_413_before_it_comes(
    pod: RunningPod,
) -> None:
    """Its sender need not send it."""
    async with wire(pod.ports.http_port) as opened:
        answer = await opened.ask(request(body=b" " * 100_001)[:200])
        assert answer.status == 413


@pytest.mark.parametrize("cut", [-1, -20])
async def test_a_body_that_comes_too_slowly_is_503(a_pod: RunPod, cut: int) -> None:
    """A faster try may pass; nothing of it is kept, and it is counted."""
    async with a_pod(ANOMALY_BODY_SECONDS="1", ANOMALY_HEADER_SECONDS="1") as pod:
        async with wire(pod.ports.http_port) as opened:
            answer = await opened.ask(request()[:cut])
            assert answer.status == 503
            assert answer.headers["retry-after"].isdigit()
            assert "did not arrive within 1 s" in answer.error
        assert await pod.accepted() == 0
        assert pod.pod.bodies.arriving_bytes == 0
        assert 'reason="slow_body"} 1' in (await pod.admin("/metrics")).text


async def test_a_slow_body_may_still_be_in_time(a_pod: RunPod) -> None:
    """Between two sweeps of the front and the end of its patience."""
    async with a_pod(ANOMALY_BODY_SECONDS="60") as pod, wire(pod.ports.http_port) as opened:
        await opened.send(request()[:-5])
        await asyncio.sleep(2.2)
        assert (await opened.ask(request()[-5:])).status == 200
        assert (await opened.ask(request())).status == 200


@pytest.mark.parametrize("size", [0, 4, 30])
async def test_a_head_that_comes_too_slowly_ends_its_connection(a_pod: RunPod, size: int) -> None:
    """Nothing, half a method, half a head: it asks for nothing and gets no answer."""
    async with a_pod(ANOMALY_HEADER_SECONDS="1") as pod, wire(pod.ports.http_port) as opened:
        await opened.send(request()[:size])
        assert await opened.closed()


@pytest.mark.parametrize("size", [0, 4, 30])
async def test_a_connection_that_idles_is_closed(a_pod: RunPod, size: int) -> None:
    """Half a head is as good as none."""
    async with a_pod(ANOMALY_KEEPALIVE_SECONDS="1") as pod, wire(pod.ports.http_port) as opened:
        assert (await opened.ask(request())).status == 200
        await opened.send(request()[:size])
        assert await opened.closed()


async def test_a_connection_that_is_used_now_and_then_is_kept(a_pod: RunPod) -> None:
    """Its time starts anew with each answer."""
    async with a_pod(ANOMALY_KEEPALIVE_SECONDS="3") as pod, wire(pod.ports.http_port) as opened:
        for _ in range(5):
            assert (await opened.ask(request())).status == 200
            await asyncio.sleep(0.9)


async def test_a_request_in_work_is_not_an_idle_connection(a_pod: RunPod) -> None:
    """However long its commit takes."""
    store = HeldStore()
    async with (
        a_pod(store, ANOMALY_KEEPALIVE_SECONDS="1", ANOMALY_HEADER_SECONDS="1") as pod,
        wire(pod.ports.http_port) as opened,
    ):
        await opened.send(request())
        await asyncio.sleep(3.5)
        store.gate.set()
        assert (await opened.answer()).status == 200


async def test_connections_beyond_the_bound_are_told_to_come_back(a_pod: RunPod) -> None:
    """Those that have asked for samples and those that have asked for something else count."""
    async with (
        a_pod(ANOMALY_MAX_CONNECTIONS="3") as pod,
        wire(pod.ports.http_port) as posting,
        wire(pod.ports.http_port) as getting,
    ):
        assert (await posting.ask(request())).status == 200
        assert (await getting.ask(request("GET", "/api/v1/stats", None))).status == 200
        async with wire(pod.ports.http_port) as silent, wire(pod.ports.http_port) as refused:
            await silent.send(b"")
            answer = await refused.answer()
            assert answer.status == 503
            assert answer.headers["retry-after"].isdigit()
            assert await refused.closed()
        while True:
            async with wire(pod.ports.http_port) as again:
                if (await again.ask(request())).status == 200:
                    break


async def test_a_full_buffer_is_503_and_the_connection_goes_on(a_pod: RunPod) -> None:
    """The sender keeps its samples and comes back."""
    store = HeldStore()
    async with (
        a_pod(store) as pod,
        wire(pod.ports.http_port) as first,
        wire(pod.ports.http_port) as second,
    ):
        await first.send(request(body=b"[" + b",".join([SAMPLE] * 150) + b"]"))
        await store.entered.wait()
        for _ in range(2):
            refused = await second.ask(request(body=b"[" + b",".join([SAMPLE] * 100) + b"]"))
            assert refused.status == 503
            assert refused.headers["retry-after"].isdigit()
            assert "150 of 200 samples" in refused.error
        store.gate.set()
        assert (await first.answer()).status == 200
        assert (await second.ask(request())).status == 200
        assert 'reason="buffer_full"} 2' in (await pod.admin("/metrics")).text


async def test_bodies_on_their_way_are_bounded_together(pod: RunningPod) -> None:
    """Slow senders cannot fill the memory; what they take is given back when they go."""
    part = request(body=b" " * 90_000)[:-1]
    async with wire(pod.ports.http_port) as first:
        await first.send(part)
        while pod.pod.bodies.arriving_bytes < 89_999:  # noqa: ASYNC110  # a number has no event
            await asyncio.sleep(0)
        async with wire(pod.ports.http_port) as second:
            answer = await second.ask(part)
            assert answer.status == 503
            assert answer.error == "too many bodies are arriving at once"
    while pod.pod.bodies.arriving_bytes:  # noqa: ASYNC110
        await asyncio.sleep(0)
    async with wire(pod.ports.http_port) as third:
        assert (await third.ask(request())).status == 200


async def test_a_body_without_a_valid_token_is_not_waited_for(
    tmp_path: Path, a_guarded_pod: RunPod
) -> None:
    """401 and nothing of it held: strangers must not take the room that bodies of others need."""
    (tmp_path / "senders").write_text("correct-horse")
    wrong = request("POST", PATH_INGEST, b" " * 90_000, "Authorization: Bearer wrong")[:-10]
    right = request(
        "POST", PATH_INGEST, SAMPLE.ljust(90_000), "Authorization: Bearer correct-horse"
    )
    async with a_guarded_pod(ANOMALY_TOKEN_SECRET_DIR=str(tmp_path)) as pod:
        port = pod.ports.http_port
        async with wire(port) as one, wire(port) as other, wire(port) as known:
            for stranger in (one, other):
                await stranger.send(wrong[:200], wrong[200:])
            assert (await known.ask(right[:80_000], right[80_000:])).status == 200
            for stranger in (one, other):
                assert (await stranger.answer()).status == 401
            assert pod.pod.bodies.arriving_bytes == 0


async def reset(opened: Wire) -> None:
    """Close with RST, as a machine that crashed and came back does."""
    raw = opened.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    opened.transport.abort()


@pytest.mark.parametrize("cut", [10, 60, -3])
async def test_a_sender_that_is_cut_off_in_its_request_changes_and_leaks_nothing(
    pod: RunningPod, cut: int
) -> None:
    """Closed or reset, in the head or in the body, at first or later on."""
    for before in (b"", request()):
        for leave in (Wire.close, reset):
            async with wire(pod.ports.http_port) as opened:
                await opened.send(before + request()[:cut])
                if before:
                    assert (await opened.answer()).status == 200
                await leave(opened)
    async with wire(pod.ports.http_port) as opened:
        assert (await opened.ask(request())).status == 200
    assert await pod.accepted() == 3
    assert pod.pod.bodies.arriving_bytes == 0
    assert "requests_failed_total 0" in (await pod.admin("/metrics")).text


async def test_a_sender_that_goes_before_its_answer_has_its_samples_counted(
    a_pod: RunPod,
) -> None:
    """Once: what was committed stays, and its retry is a duplicate."""
    store = HeldStore()
    body = b'{"metric":"m","value":1,"timestamp":%d}' % 1_767_225_600
    async with a_pod(store) as pod:
        for leave in (Wire.close, reset):
            async with wire(pod.ports.http_port) as opened:
                await opened.send(request(body=body))
                await store.entered.wait()
                await leave(opened)
        store.gate.set()
        async with wire(pod.ports.http_port) as opened:
            answer = await opened.ask(request(body=body))
            assert (answer.json["accepted"], answer.json["duplicate"]) == (0, 1)
        assert await pod.accepted() == 1
        assert pod.pod.workers.samples == 0
        assert "requests_failed_total 0" in (await pod.admin("/metrics")).text


async def test_a_sender_that_reads_no_answers_is_not_served_on(pod: RunningPod) -> None:
    """What it piles up is bounded by what sockets hold; once it reads, nothing is missing."""
    asked = request("POST", PATH_INGEST + "?verdicts=1", b"[" + b",".join([SAMPLE] * 200) + b"]")
    total = 350
    loop = asyncio.get_running_loop()
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**17)
    raw.setblocking(False)
    await loop.sock_connect(raw, ("127.0.0.1", pod.ports.http_port))
    _, opened = await loop.create_connection(Wire, sock=raw)
    opened.transport.pause_reading()
    opened.transport.write(asked * total)
    taken, before = 0, -1
    while taken != before:
        before = taken
        await asyncio.sleep(0.5)
        taken = await pod.accepted()
    assert 0 < taken < total * 200
    opened.transport.resume_reading()
    for _ in range(total):
        assert (await opened.answer()).json["accepted"] == 200
    await opened.close()
    assert await pod.accepted() == total * 200
