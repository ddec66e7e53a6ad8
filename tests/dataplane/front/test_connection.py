"""What the front answers by itself, and when it lets go. Its answers are compared in `../http/`."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from aiohttp import web

from anomaly_dataplane.app import assemble, front
from anomaly_dataplane.front.server import Front
from anomaly_dataplane.settings import read_settings
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.telemetry import Telemetry
from raw_http import Wire, request, wire
from samples import a_config

SAMPLE = b'{"metric":"m","value":1}'
KEEPALIVE_SECONDS = 5


async def elsewhere(_: web.BaseRequest) -> web.Response:
    return web.Response(text="aiohttp")


@dataclass(frozen=True)
class Fronted:
    front: Front
    server: web.Server
    port: int

    async def sweep(self, times: int = 1) -> None:
        """Let so many sweeps pass."""

        async def sleep(_: float) -> None:
            nonlocal times
            times -= 1
            if times < 0:
                raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await self.front.watch(sleep)


@pytest.fixture
async def fronted() -> AsyncIterator[Fronted]:
    settings = read_settings({"ANOMALY_KEEPALIVE_SECONDS": str(KEEPALIVE_SECONDS)}, {})
    pod = assemble(settings, a_config(), MemoryStore(), Telemetry("test", "python"))
    await pod.workers.start()
    server = web.Server(elsewhere)
    made = front(pod, server)
    listener = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    yield Fronted(made, server, listener.sockets[0].getsockname()[1])
    listener.close()
    await made.shutdown(1)
    await server.shutdown(1)
    await pod.workers.drain()


@pytest.mark.parametrize(
    "packets",
    [
        [request()],
        [request() * 10],
        [request("POST", "/api/v1/ingest?verdicts=1", SAMPLE, "Connection: keep-alive")],
        [request()[:30], request()[30:]],
        [request()[:-24], SAMPLE],
        [request()[i : i + 1] for i in range(len(request()))],
        [request(body=b"{")],
        [request(body=SAMPLE + b" " * 200_000)],
    ],
    ids=["one", "ten", "verdicts", "in its head", "before its body", "bytes", "bad", "large"],
)
async def test_plain_requests_never_reach_aiohttp(fronted: Fronted, packets: list[bytes]) -> None:
    """However they are cut; else the front would be there for nothing."""
    async with wire(fronted.port) as opened:
        for _ in range(3):
            await opened.send(*packets)
            for _ in range(b"".join(packets).count(b"POST ")):
                answer = await opened.answer()
                assert answer.headers["content-type"] == "application/json"
        assert len(fronted.front.connections) == 1
        assert fronted.server.requests_count == 0


@pytest.mark.parametrize(
    "text",
    [
        request("GET", "/", None),
        request("POST", "/nowhere"),
        request("POST", "/api/v1/ingest", SAMPLE, "Expect: 100-continue"),
        request(body=b" " * 300_000),
        request(version="1.0"),
        b"POST /api/v1/ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_a_connection_with_any_other_request_is_aiohttps_from_there_on(
    fronted: Fronted, text: bytes
) -> None:
    """With the bytes that came, after the answers to what was before."""
    async with wire(fronted.port) as opened:
        await opened.send(request() + request() + text)
        for _ in range(2):
            assert (await opened.answer()).json["accepted"] == 1
        await opened.head()
        assert not fronted.front.connections
        assert len(fronted.server.connections) <= 1
        assert fronted.server.requests_count == 1


@pytest.mark.parametrize("cut", [3, 30, -5])
async def test_a_request_that_is_slow_is_aiohttps_to_wait_for(fronted: Fronted, cut: int) -> None:
    """After a whole sweep, and not before; one that came in time leaves no trace."""

    async def some_of_it(opened: Wire) -> None:
        await opened.send(request()[:cut])
        while not any(c.arriving for c in fronted.front.connections):  # noqa: ASYNC110
            await asyncio.sleep(0)
        await fronted.sweep()
        assert fronted.front.connections

    async with wire(fronted.port) as opened:
        for _ in range(2):
            await some_of_it(opened)
            assert (await opened.ask(request()[cut:])).json["accepted"] == 1
        await some_of_it(opened)
        await fronted.sweep()
        assert not fronted.front.connections
        assert (await opened.ask(request()[cut:])).body == b"aiohttp"


async def test_a_head_that_comes_in_drops_is_slow_too(fronted: Fronted) -> None:
    """Each drop is no progress; only requests are."""
    async with wire(fronted.port) as opened:
        assert (await opened.ask(request())).json["accepted"] == 1
        for size in (1, 2):
            await opened.send(b"PO"[size - 1 : size])
            while not any(c.arriving == size for c in fronted.front.connections):  # noqa: ASYNC110
                await asyncio.sleep(0)
            await fronted.sweep()
        assert not fronted.front.connections


async def test_a_connection_ends_after_as_many_idle_sweeps_as_it_is_kept_for(
    fronted: Fronted,
) -> None:
    """Counted from its last request, or from its start."""
    async with wire(fronted.port) as used, wire(fronted.port) as silent:
        await silent.send(b"")
        assert (await used.ask(request())).status == 200
        await fronted.sweep(KEEPALIVE_SECONDS - 1)
        assert (await used.ask(request())).status == 200
        await fronted.sweep(2)
        assert await silent.closed()
        await fronted.sweep(KEEPALIVE_SECONDS - 2)
        assert (await used.ask(request())).status == 200
        await fronted.sweep(KEEPALIVE_SECONDS + 2)
        assert await used.closed()


async def test_what_is_held_of_a_body_is_given_back(fronted: Fronted) -> None:
    """When it is complete, handed over, or given up."""
    part = request(body=SAMPLE + b" " * 1000)
    bodies = fronted.front.bodies
    for ending in ("complete", "handed over", "given up"):
        async with wire(fronted.port) as opened:
            await opened.send(part[:-1])
            while not bodies.arriving_bytes:  # noqa: ASYNC110  # a number has no event
                await asyncio.sleep(0)
            assert bodies.arriving_bytes == len(part) - 1
            if ending == "complete":
                assert (await opened.ask(part[-1:])).status == 200
            elif ending == "handed over":
                await fronted.sweep(2)
        while bodies.arriving_bytes or fronted.front.connections:  # noqa: ASYNC110
            await asyncio.sleep(0)


class Recorder(asyncio.Transport):
    """Takes part in nothing and notes what it is told."""

    def __init__(self, opened: socket.socket) -> None:
        super().__init__({"socket": opened})
        self.written: list[bytes] = []
        self.reading = True

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.written.append(data)

    def close(self) -> None:
        pass

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.owner = protocol

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    async def answers(self, count: int) -> list[object]:
        """How many samples each answer accepted, once there are so many answers."""
        while len(self.written) < count:  # noqa: ASYNC110  # a list has no event
            await asyncio.sleep(0)
        return [json.loads(text.partition(b"\r\n\r\n")[2])["accepted"] for text in self.written]


@pytest.fixture
def transport() -> Iterator[Recorder]:
    with socket.socket() as opened:
        yield Recorder(opened)


def numbered(count: int) -> bytes:
    return request(body=b"[" + b",".join([SAMPLE] * count) + b"]")


async def test_what_comes_while_a_request_is_in_work_waits_and_stops_the_reading(
    fronted: Fronted, transport: Recorder
) -> None:
    """A sender cannot pile up more than one packet; nothing is lost, and order is kept."""
    connection = fronted.front()
    connection.connection_made(transport)
    connection.data_received(numbered(1))
    assert transport.reading
    connection.data_received(numbered(2) + numbered(3)[:50])
    assert not transport.reading
    connection.data_received(numbered(3)[50:])
    assert await transport.answers(3) == [1, 2, 3]
    assert transport.reading
    connection.connection_lost(None)


async def test_a_connection_that_is_handed_over_is_read_on(
    fronted: Fronted, transport: Recorder
) -> None:
    """Though reading had stopped, since the other request came while one was in work."""
    connection = fronted.front()
    connection.connection_made(transport)
    connection.data_received(numbered(1))
    connection.data_received(request("GET", "/", None))
    assert not transport.reading
    assert await transport.answers(1) == [1]
    assert isinstance(transport.owner, web.RequestHandler)
    assert transport.reading
    transport.owner.connection_lost(None)


async def test_a_sender_that_does_not_read_its_answers_gets_no_more(
    fronted: Fronted, transport: Recorder
) -> None:
    """What it sends meanwhile waits, however it is cut."""
    connection = fronted.front()
    connection.connection_made(transport)
    connection.data_received(numbered(1)[:-5])
    connection.pause_writing()
    connection.data_received(numbered(1)[-5:])
    assert transport.reading
    connection.data_received(numbered(2))
    connection.data_received(numbered(3))
    assert not transport.reading
    for _ in range(10):
        await asyncio.sleep(0)
    assert not transport.written
    connection.resume_writing()
    assert await transport.answers(3) == [1, 2, 3]
    assert transport.reading
    connection.connection_lost(None)
