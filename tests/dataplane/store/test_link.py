"""The thin connection: pipelining, time-outs, lost connections, replies that are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from anomaly_dataplane.store import redis_errors as exceptions
from anomaly_dataplane.store.access import Login
from anomaly_dataplane.store.link import Link, Unsent, _Connection, pack
from redis_server import PASSWORD, RedisServer, free_port, redis_server

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def a_link(port: int, password: str | None = None, answer_seconds: float = 2.0) -> Iterator[Link]:
    link = Link(
        "127.0.0.1",
        port,
        login=lambda: Login(password=password),
        connect_seconds=2.0,
        answer_seconds=answer_seconds,
    )
    try:
        yield link
    finally:
        link.close()


@asynccontextmanager
async def a_server(script: Script) -> AsyncIterator[int]:
    """A server that answers as no Redis would; yields its port."""
    server = await asyncio.start_server(script, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def test_replies_come_back_in_order_however_many_calls_are_under_way(
    standalone: RedisServer,
) -> None:
    """Calls are written at once, not one after the other's answer."""
    with a_link(standalone.port) as link:
        replies = await asyncio.gather(*(link.call(pack("ECHO", str(i))) for i in range(500)))

    assert replies == [str(i).encode() for i in range(500)]


async def test_an_error_reply_fails_its_own_call_only(standalone: RedisServer) -> None:
    """The connection goes on."""
    with a_link(standalone.port) as link:
        bad, good = await asyncio.gather(
            link.call(pack("NO-SUCH-COMMAND")),
            link.call(pack("ECHO", b"ok")),
            return_exceptions=True,
        )

    assert isinstance(bad, exceptions.ResponseError)
    assert good == b"ok"


async def test_a_password_is_given_before_anything_else() -> None:
    """And a wrong one is an authentication error, not a mute connection."""
    with (
        redis_server("--requirepass", PASSWORD) as server,
        a_link(server.port, PASSWORD) as right,
        a_link(server.port, "guess") as wrong,
    ):
        assert await right.call(pack("ECHO", "x")) == b"x"
        with pytest.raises(exceptions.AuthenticationError):
            await wrong.call(pack("ECHO", "x"))


async def test_a_server_that_does_not_answer_is_given_up() -> None:
    """All calls under way fail; the next one opens a new connection."""
    connections = 0

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read()
        writer.close()

    async with a_server(mute) as port:
        with a_link(port, answer_seconds=0.05) as link:
            results = await asyncio.gather(
                link.call(pack("PING")), link.call(pack("PING")), return_exceptions=True
            )
            with pytest.raises(exceptions.TimeoutError, match=r"no answer within 0\.05 s"):
                await link.call(pack("PING"))

    assert all(isinstance(result, exceptions.TimeoutError) for result in results)
    assert connections == 2


async def test_a_lost_connection_fails_what_is_under_way_and_heals() -> None:
    """Whether the call was done is unknown; the commit finds out by the version."""
    answers = iter([b"", b"+PONG\r\n"])

    async def flaky(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(next(answers))
        await writer.drain()
        writer.close()

    async with a_server(flaky) as port:
        with a_link(port) as link:
            with pytest.raises(exceptions.ConnectionError, match="lost"):
                await link.call(pack("PING"))
            assert await link.call(pack("PING")) == b"PONG"


async def test_bytes_that_are_no_reply_close_the_connection() -> None:
    """Something else listens on that port."""

    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()

    async with a_server(stranger) as port:
        with a_link(port) as link, pytest.raises(exceptions.ConnectionError, match="not a Redis"):
            await link.call(pack("PING"))


async def test_nobody_listening_leaves_a_request_unsent() -> None:
    """It may be sent again without a thought."""
    with a_link(free_port()) as link, pytest.raises(Unsent, match="ConnectionRefused"):
        await link.call(pack("PING"))


async def test_calls_that_meet_while_connecting_share_the_connection(
    standalone: RedisServer,
) -> None:
    """The first commit of several partitions opens one socket."""
    with a_link(standalone.port) as link:
        ids = await asyncio.gather(*(link.call(pack("CLIENT", "ID")) for _ in range(20)))

    assert len(set(ids)) == 1


class Recorder(asyncio.WriteTransport):
    """Keeps what is written, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.pieces.append(b"".join(list_of_data))


async def test_calls_of_one_turn_of_the_loop_go_out_in_one_piece() -> None:
    """A group's requests, one a partition, cost one system call and wake Redis once."""
    connection, transport = _Connection(2.0), Recorder()
    connection.connection_made(transport)

    answers = [connection.call(request) for request in (b"a", b"b", b"c")]
    await asyncio.sleep(0)
    connection.call(b"d")
    await asyncio.sleep(0)

    assert transport.pieces == [b"abc", b"d"]
    connection.data_received(b"+A\r\n+B\r\n+C\r\n")
    assert [await answer for answer in answers] == [b"A", b"B", b"C"]


async def test_calls_that_meet_while_connecting_share_its_failure() -> None:
    """A server that hangs is waited for once, not once for each of them."""
    logins = 0

    def login() -> Login:
        nonlocal logins
        logins += 1
        return Login()

    link = Link("127.0.0.1", free_port(), login=login, connect_seconds=2.0, answer_seconds=2.0)

    results = await asyncio.gather(
        *(link.call(pack("PING")) for _ in range(5)), return_exceptions=True
    )

    assert [type(result) for result in results] == [Unsent] * 5
    assert logins == 1


async def test_a_caller_that_gives_up_does_not_spoil_the_connection_for_others(
    standalone: RedisServer,
) -> None:
    """The first to ask may be cancelled; the connection belongs to all."""
    with a_link(standalone.port) as link:
        first = asyncio.create_task(link.call(pack("PING")))
        second = asyncio.create_task(link.call(pack("PING")))
        await asyncio.sleep(0)
        first.cancel()

        assert await second == b"PONG"


async def test_a_server_that_wants_no_connection_is_quoted() -> None:
    """It says so before it is asked anything, as with maxclients or protected mode."""

    async def full(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-ERR max number of clients reached\r\n")
        await writer.drain()
        writer.close()

    async with a_server(full) as port:
        with a_link(port) as link:
            for _ in range(3):  # read as an answer, or before there was a question
                with pytest.raises(exceptions.RedisError, match=r"max number|lost"):
                    await link.call(pack("PING"))


async def test_asking_and_the_request_go_together() -> None:
    """ASKING holds for the next request on the connection, whoever sends it."""
    seen = b""

    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen = await reader.readuntil(b"LAST\r\n")
        writer.write(b"+OK\r\n+one\r\n+two\r\n+three\r\n")
        await writer.drain()
        await reader.read()
        writer.close()

    async with a_server(target) as port:
        with a_link(port) as link:
            calls = [
                link.call(pack("A"), asking=True),
                link.call(pack("B")),
                link.call(pack("LAST")),
            ]
            assert await asyncio.gather(*calls) == [b"one", b"two", b"three"]

    assert seen == pack("ASKING") + pack("A") + pack("B") + pack("LAST")
