"""A thin pipelined connection to one Redis server, for the two calls of the hot path.

redis-py's costs about a hundred microseconds a call, more than all the rest of a small commit.
Topology, redirections and everything else stay redis-py's: `redis_store.py` uses it for those.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from typing import cast

import hiredis
from redis import exceptions

Argument = bytes | memoryview | str | int


class _Connection(asyncio.Protocol):
    """One socket: commands out, replies in, in the same order."""

    def __init__(self, answer_seconds: float) -> None:
        self._answer_seconds = answer_seconds
        self._reader = hiredis.Reader(replyError=exceptions.ResponseError)
        self._waiting: deque[tuple[asyncio.Future[object], float]] = deque()
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._watch: asyncio.TimerHandle | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)

    def call(self, command: Sequence[Argument]) -> asyncio.Future[object]:
        answer: asyncio.Future[object] = self._loop.create_future()
        if self.closed or self._transport is None:
            answer.set_exception(exceptions.ConnectionError("the connection is closed"))
            return answer
        deadline = self._loop.time() + self._answer_seconds
        self._waiting.append((answer, deadline))
        self._transport.write(hiredis.pack_command(tuple(command)))  # type: ignore[arg-type]  # its stub means one argument
        if self._watch is None:
            self._watch = self._loop.call_at(deadline, self._overdue)
        return answer

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while True:
            try:
                reply = self._reader.gets()
            except hiredis.ProtocolError as error:
                self.close(exceptions.ConnectionError(f"not a Redis reply: {error}"))
                return
            if reply is False:
                return
            answer, _ = self._waiting.popleft()
            if answer.done():
                continue
            if isinstance(reply, Exception):
                answer.set_exception(reply)
            else:
                answer.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self.close(
            exceptions.ConnectionError(f"the connection was lost: {exc or 'closed by the server'}")
        )

    def close(self, why: Exception) -> None:
        """Fail what waits, which may or may not have been done, and close the socket."""
        self.closed = True
        if self._watch is not None:
            self._watch.cancel()
        if self._transport is not None:
            self._transport.abort()
        while self._waiting:
            answer, _ = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(why)

    def _overdue(self) -> None:
        """Look whether the oldest call is overdue; one timer serves all of them."""
        self._watch = None
        if not self._waiting:
            return
        _, deadline = self._waiting[0]
        if deadline <= self._loop.time():
            self.close(exceptions.TimeoutError(f"no answer within {self._answer_seconds:g} s"))
        else:
            self._watch = self._loop.call_at(deadline, self._overdue)


class Link:
    """A connection to one server that is made when it is needed and again when it was lost."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        username: str | None,
        password: str | None,
        connect_seconds: float,
        answer_seconds: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._username = username
        self._password = password
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._tls = tls
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()

    async def call(self, *command: Argument) -> object:
        """The reply to one command.

        Raises:
            redis.exceptions.RedisError: an error reply, a lost connection or a time-out.
        """
        connection = self._connection
        if connection is None or connection.closed:
            connection = await self._connect()
        return await connection.call(command)

    def close(self) -> None:
        """Close the socket; a later call opens another."""
        if self._connection is not None:
            self._connection.close(exceptions.ConnectionError("closed"))

    async def _connect(self) -> _Connection:
        async with self._connecting:
            if self._connection is not None and not self._connection.closed:
                return self._connection
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(self._connect_seconds):
                    _, connection = await loop.create_connection(
                        lambda: _Connection(self._answer_seconds),
                        self._host,
                        self._port,
                        ssl=self._tls,
                    )
            except TimeoutError as error:
                raise exceptions.TimeoutError(
                    f"no connection to {self._host}:{self._port} within {self._connect_seconds:g} s"
                ) from error
            except OSError as error:
                raise exceptions.ConnectionError(f"{self._host}:{self._port}: {error}") from error
            if self._password is not None:
                user = () if self._username is None else (self._username,)
                try:
                    await connection.call(("AUTH", *user, self._password))
                except exceptions.ResponseError as error:
                    connection.close(exceptions.ConnectionError("refused"))
                    raise exceptions.AuthenticationError(str(error)) from error
            self._connection = connection
            return connection
