"""Requests are told apart by HTTP's rules, however their bytes are cut into packets."""

from __future__ import annotations

import gzip
import json

import pytest

from anomaly_dataplane.contract.runtime import PATH_INGEST
from raw_http import Wire, request, wire
from running_pod import RunningPod

SAMPLE = b'{"metric":"m","value":1}'
CHUNKED = b"POST /api/v1/ingest HTTP/1.1\r\nHost: pod\r\nTransfer-Encoding: chunked\r\n\r\n"


def samples(count: int) -> bytes:
    return b"[" + b",".join([SAMPLE] * count) + b"]"


async def kept_open(opened: Wire, pod: RunningPod) -> bool:
    """Whether the connection takes another request."""
    return (await opened.ask(request())).status == 200


async def test_a_connection_is_used_again(pod: RunningPod) -> None:
    """As long as the sender likes, without a word about it in the answers."""
    async with wire(pod.ports.http_port) as opened:
        for count in (1, 5, 2):
            answer = await opened.ask(request(body=samples(count)))
            assert (answer.status, answer.json["accepted"]) == (200, count)
            assert set(answer.headers) == {"content-type", "content-length", "date", "server"}
    assert await pod.accepted() == 8


@pytest.mark.parametrize(
    ("version", "header", "said"),
    [
        ("1.0", [], None),
        ("1.1", ["Connection: close"], "close"),
        ("1.1", ["Connection: x, Close"], "close"),
    ],
)
async def test_a_connection_that_shall_end_ends_after_the_answer(
    pod: RunningPod, version: str, header: list[str], said: str | None
) -> None:
    """HTTP/1.0 unless it asks for more, and whoever says so."""
    async with wire(pod.ports.http_port) as opened:
        answer = await opened.ask(request("POST", PATH_INGEST, SAMPLE, *header, version=version))
        assert answer.status == 200
        assert answer.headers.get("connection") == said
        assert await opened.closed()
    assert await pod.accepted() == 1


@pytest.mark.parametrize(
    ("version", "said"), [("1.0", "keep-alive"), ("1.1", None)], ids=["1.0", "1.1"]
)
async def test_a_sender_may_ask_to_keep_the_connection(
    pod: RunningPod, version: str, said: str | None
) -> None:
    """HTTP/1.0 is told that it may; 1.1 knows."""
    async with wire(pod.ports.http_port) as opened:
        ask = request("POST", PATH_INGEST, SAMPLE, "Connection: keep-alive", version=version)
        for _ in range(2):
            answer = await opened.ask(ask)
            assert answer.status == 200
            assert answer.headers.get("connection") == said


async def test_pipelined_requests_are_answered_in_order(pod: RunningPod) -> None:
    """Ten in one packet, more than any answer waits for, each with its own number of samples."""
    async with wire(pod.ports.http_port) as opened:
        await opened.send(b"".join(request(body=samples(count)) for count in range(1, 11)))
        counts = [(await opened.answer()).json["accepted"] for _ in range(10)]
    assert counts == list(range(1, 11))
    assert await pod.accepted() == 55


async def test_pipelined_requests_of_all_kinds_are_answered_in_order(pod: RunningPod) -> None:
    """Whoever answers the one in the middle."""
    async with wire(pod.ports.http_port) as opened:
        await opened.send(
            request(body=samples(3))
            + request("GET", "/api/v1/stats", None)
            + request(body=b"[]")
            + request("POST", "/nowhere")
            + request(body=samples(2))
        )
        answers = [await opened.answer() for _ in range(5)]
        assert [answer.status for answer in answers] == [200, 200, 400, 404, 200]
        assert answers[1].json["samples"] == 3
        assert await kept_open(opened, pod)
    assert await pod.accepted() == 6


async def test_a_request_may_be_cut_anywhere(pod: RunningPod) -> None:
    """Into two packets at each of its bytes, on one connection and on many."""
    whole = request("POST", PATH_INGEST + "?verdicts=true", samples(2), "Content-Type: text/json")
    async with wire(pod.ports.http_port) as kept:
        for cut in range(1, len(whole)):
            async with wire(pod.ports.http_port) as opened:
                for connection in (kept, opened):
                    answer = await connection.ask(whole[:cut], whole[cut:])
                    assert (answer.status, answer.json["accepted"]) == (200, 2)
    assert await pod.accepted() == 4 * (len(whole) - 1)


async def test_a_request_may_come_byte_by_byte(pod: RunningPod) -> None:
    """Twice on one connection, with the start of the second in the last packet of the first."""
    whole = request() * 2
    async with wire(pod.ports.http_port) as opened:
        await opened.send(*(bytes([byte]) for byte in whole))
        assert [(await opened.answer()).status for _ in range(2)] == [200, 200]
    assert await pod.accepted() == 2


async def test_a_packet_may_end_one_request_and_start_the_next(pod: RunningPod) -> None:
    """Its last bytes, the next one whole, and the head or half the body of a third."""
    whole = request()
    for cut in (10, len(whole) - 30, len(whole) - 10):
        async with wire(pod.ports.http_port) as opened:
            await opened.send(whole[:cut], whole[cut:] + whole + whole[:cut], whole[cut:])
            assert [(await opened.answer()).status for _ in range(3)] == [200] * 3
    assert await pod.accepted() == 9


CHUNKS = {
    "one": b"18\r\n%b\r\n0\r\n\r\n" % SAMPLE,
    "hexadecimal of any case": b"0000A\r\n%b\r\ne\r\n%b\r\n0\r\n\r\n" % (SAMPLE[:10], SAMPLE[10:]),
    "of a byte each": b"".join(b"1\r\n%c\r\n" % byte for byte in SAMPLE) + b"0\r\n\r\n",
    "with extensions": b'18;a=b;c="d"\r\n%b\r\n0;last\r\n\r\n' % SAMPLE,
    "with trailers": b"18\r\n%b\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n" % SAMPLE,
}


@pytest.mark.parametrize("body", CHUNKS.values(), ids=CHUNKS.keys())
async def test_a_body_may_come_in_chunks(pod: RunningPod, body: bytes) -> None:
    """In one packet, in two cut anywhere, and followed by the next request."""
    whole = CHUNKED + body
    async with wire(pod.ports.http_port) as opened:
        assert (await opened.ask(whole)).status == 200
        for cut in range(len(CHUNKED) - 2, len(whole)):
            assert (await opened.ask(whole[:cut], whole[cut:])).status == 200
        await opened.send(whole + request())
        assert [(await opened.answer()).status for _ in range(2)] == [200, 200]


async def test_a_sender_may_wait_for_leave_to_send_its_body(pod: RunningPod) -> None:
    """`Expect: 100-continue`, as curl does with larger bodies."""
    whole = request("POST", PATH_INGEST, SAMPLE, "Expect: 100-continue")
    async with wire(pod.ports.http_port) as opened:
        for _ in range(2):
            assert (await opened.ask(whole.removesuffix(SAMPLE))).status == 100
            assert (await opened.ask(SAMPLE)).status == 200
        assert await kept_open(opened, pod)


async def test_an_expectation_that_nobody_knows_is_417(pod: RunningPod) -> None:
    """Refused before a handler is called, and in JSON like every error."""
    async with wire(pod.ports.http_port) as opened:
        answer = await opened.ask(request("POST", PATH_INGEST, SAMPLE, "Expect: miracles"))
        assert answer.status == 417
        assert answer.error == "the only Expect that is understood is 100-continue"
    assert await pod.accepted() == 0


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
async def test_a_body_may_be_packed(pod: RunningPod, encoding: str) -> None:
    """And its Content-Length is that of the packed bytes."""
    body = gzip.compress(samples(50))
    packed = request("POST", PATH_INGEST, body, f"Content-Encoding: {encoding}")
    async with wire(pod.ports.http_port) as opened:
        assert (await opened.ask(packed)).json["accepted"] == 50
        assert await kept_open(opened, pod)


@pytest.mark.parametrize("size", [60_000, 99_000])
async def test_a_large_body_may_come_in_many_packets(pod: RunningPod, size: int) -> None:
    """Nothing of it is held when it is complete."""
    body = samples(100) + b" " * (size - 2600)
    whole = request(body=body)
    packets = [whole[at : at + 5000] for at in range(0, len(whole), 5000)]
    async with wire(pod.ports.http_port) as opened:
        for _ in range(2):
            assert (await opened.ask(*packets)).json["accepted"] == 100
    assert pod.pod.bodies.arriving_bytes == 0


async def test_lines_are_told_by_their_content_type(pod: RunningPod) -> None:
    """With parameters and in any case; else a first bad line would look like bad JSON."""
    lines = b'{"metric":"m","value":NaN}\n' + SAMPLE + b"\n"
    kind = "Content-Type: Application/X-NDJSON; charset=utf-8"
    async with wire(pod.ports.http_port) as opened:
        answer = await opened.ask(request("POST", PATH_INGEST, lines, kind))
        assert (answer.json["accepted"], answer.json["rejected"]) == (1, 1)
        assert json.loads(answer.body)["errors"][0]["line"] == 1
