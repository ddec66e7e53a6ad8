"""Bounds on connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from anomaly_dataplane.connections import ConnectionGate

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(_: web.BaseRequest) -> web.Response:
    return web.Response(text="hello")


class Gate:
    def __init__(self, gate: ConnectionGate, port: int) -> None:
        self.gate = gate
        self.port = port

    async def connect(self, text: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(text)
        return reader, writer


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    server = web.Server(hello)
    made = ConnectionGate(server, max_connections=2, new=server)
    listener = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    yield Gate(made, listener.sockets[0].getsockname()[1])
    listener.close()
    await server.shutdown(1)


async def test_a_connection_too_many_is_told_to_come_back(gate: Gate) -> None:
    """And when one is given up there is room again."""
    first = await gate.connect(REQUEST)
    second = await gate.connect(REQUEST)
    for reader, _ in (first, second):
        assert b"200 OK" in await reader.readuntil(b"hello")
    third, third_writer = await gate.connect(REQUEST)
    refusal = await third.read()
    third_writer.close()
    assert refusal.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in refusal

    first[1].close()
    assert await first[0].read() == b""
    while True:
        reader, writer = await gate.connect(REQUEST)
        answer = await reader.readline()
        writer.close()
        if b"200" in answer:
            break
    second[1].close()


async def test_connections_that_never_ask_are_closed(gate: Gate) -> None:
    """Half a header is as good as none; who has asked once may stay."""
    asked, asked_writer = await gate.connect(REQUEST)
    await asked.readuntil(b"hello")
    silent, silent_writer = await gate.connect(b"GET / HTTP/1.1\r\nX-Slow: ")
    ticks = 0

    async def tick(_: float) -> None:
        nonlocal ticks
        ticks += 1
        asked_writer.write(REQUEST)  # time for the server to accept the other connection
        await asked.readuntil(b"hello")
        if ticks == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await gate.gate.watch(30, tick)

    with contextlib.suppress(ConnectionResetError):  # if what it sent was not even read
        assert await silent.read() == b""
    asked_writer.write(REQUEST)
    assert await asked.readuntil(b"hello")
    for writer in (asked_writer, silent_writer):
        writer.close()
