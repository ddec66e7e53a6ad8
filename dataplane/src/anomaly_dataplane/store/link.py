"""A thin pipelined connection to one Redis server, which all commands on data go through.

redis-py's costs about a hundred microseconds a call, more than all the rest of a small commit.
`servers.py` finds the servers, `redis_store.py` decides what follows from an error.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

import hiredis

from anomaly_dataplane.store import redis_errors as exceptions
from anomaly_dataplane.store.access import Login

Argument = bytes | memoryview | str | int
Address = tuple[str, int]


def pack(*command: Argument) -> bytes:
    """A command as Redis' protocol has it."""
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub means one argument
    return packed


_ASKING = pack("ASKING")

REPLICAS_MS = 300
"""How long replicas have to say that they have a write, of which about one is needed."""


class Unsent(exceptions.ConnectionError):
    """There was no connection for the request, so it cannot have been done."""


class Unreplicated(exceptions.ResponseError):
    """It was done, but fewer replicas than wanted said in time that they have it."""


class _Connection(asyncio.Protocol):
    """One socket: requests out, replies in, in the same order."""

    def __init__(self, answer_seconds: float) -> None:
        self._answer_seconds = answer_seconds
        self._reader = hiredis.Reader(replyError=exceptions.ResponseError)
        self._waiting: deque[tuple[asyncio.Future[object], float]] = deque()
        self._outgoing: list[bytes] = []
        self._replication: asyncio.Future[object] | None = None
        self._replicas = 0
        self._asking_replicas = False
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._watch: asyncio.TimerHandle | None = None
        self._heard = False
        self.closed: exceptions.RedisError | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)

    def call(self, request: bytes) -> asyncio.Future[object]:
        answer: asyncio.Future[object] = self._loop.create_future()
        if self.closed is not None or self._transport is None:
            answer.set_exception(Unsent(str(self.closed or "the connection is not open")))
            return answer
        deadline = self._loop.time() + self._answer_seconds
        self._waiting.append((answer, deadline))
        # Sent at the end of this turn of the loop: a group's requests, one a partition, then cost
        # one system call, and Redis one waking up.
        if not self._outgoing:
            self._loop.call_soon(self._send)
        self._outgoing.append(request)
        if self._watch is None:
            self._watch = self._loop.call_at(deadline, self._overdue)
        return answer

    def replicated(self, replicas: int) -> asyncio.Future[object]:
        """How many replicas have what was sent up to the end of this turn of the loop.

        While Redis waits for them it answers nothing else on this connection. So they are asked
        once for all that was sent, and again only after they were heard.
        """
        self._replicas = max(replicas, self._replicas)
        if self._replication is None:
            self._replication = self._loop.create_future()
            if not self._outgoing:
                self._loop.call_soon(self._send)
        return self._replication

    def _send(self) -> None:
        requests, self._outgoing = self._outgoing, []
        if self._replication is not None and self.closed is not None:
            self._replication.set_exception(Unsent(str(self.closed)))
            self._replication = None
        if self._replication is not None and not self._asking_replicas:
            requests.append(pack("WAIT", self._replicas, REPLICAS_MS))
            deadline = self._loop.time() + self._answer_seconds
            self._waiting.append((self._replication, deadline))
            self._replication.add_done_callback(self._replicas_heard)
            self._replication, self._asking_replicas = None, True
        if self.closed is None and self._transport is not None:
            self._transport.writelines(requests)

    def _replicas_heard(self, _: asyncio.Future[object]) -> None:
        self._asking_replicas = False
        if self._replication is not None:
            self._send()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        self._reader.feed(data)
        while True:
            try:
                reply = self._reader.gets()
            except hiredis.ProtocolError as error:
                self.close(exceptions.ConnectionError(f"not a Redis reply: {error}"))
                return
            if reply is False:
                return
            if not self._waiting:
                # Servers that want no connection say why before they are asked.
                self.close(Unsent(f"the server said, unasked: {reply}"))
                return
            answer, _ = self._waiting.popleft()
            if answer.done():
                continue
            if isinstance(reply, Exception):
                answer.set_exception(reply)
            else:
                answer.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.closed is not None:
            return
        if type(exc).__module__ == "ssl":  # which is not imported without TLS
            self.close(Unsent(f"TLS: {exc}"))
            return
        why = str(exc or "closed by the server")
        if not self._heard:
            why += ", before it ever answered: does it expect TLS, or a client certificate?"
        self.close(exceptions.ConnectionError(f"the connection was lost: {why}"))

    def close(self, why: exceptions.RedisError) -> None:
        """Fail what waits, which may or may not have been done, and close the socket."""
        self.closed = self.closed or why
        if self._watch is not None:
            self._watch.cancel()
        if self._transport is not None:
            self._transport.abort()
        answers = [answer for answer, _ in self._waiting]
        self._waiting.clear()
        if self._replication is not None:
            answers.append(self._replication)
            self._replication = None
        for answer in answers:
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
        login: Callable[[], Login],
        connect_seconds: float,
        answer_seconds: float,
    ) -> None:
        self._host = host
        self._port = port
        self._login = login
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._connection: _Connection | None = None
        self._opening: asyncio.Task[_Connection] | None = None

    @property
    def address(self) -> Address:
        """Of the server."""
        return self._host, self._port

    @property
    def idle(self) -> bool:
        """Whether no connection is open."""
        return self._connection is None or self._connection.closed is not None

    async def call(self, request: bytes, *, asking: bool = False, replicas: int = 0) -> object:
        """The reply to one packed command.

        Args:
            request: the command.
            asking: of a Cluster's node that is about to take over the slot.
            replicas: that must have all that this connection has written, this command included.

        Raises:
            Unsent: no connection could be made.
            Unreplicated: the command is done, but too few replicas have it.
            RedisError: an error reply, a lost connection or a time-out.
        """
        connection = self._connection
        if connection is None or connection.closed is not None:
            connection = await self._connect()
        if not (asking or replicas):
            return await connection.call(request)
        # Nothing may come between them, so there is no await between them.
        before = [connection.call(_ASKING)] if asking else []
        answer = connection.call(request)
        after = [asyncio.shield(connection.replicated(replicas))] if replicas else []
        replies = await asyncio.gather(answer, *before, *after, return_exceptions=True)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        if replicas and (have_it := cast(int, replies[-1])) < replicas:
            raise Unreplicated(f"UNREPLICATED {have_it} of {replicas} replicas have it")
        return replies[0]

    def close(self) -> None:
        """Close the socket; a later call opens another."""
        if self._opening is not None:
            self._opening.cancel()
        if self._connection is not None:
            self._connection.close(exceptions.ConnectionError("closed"))

    async def _connect(self) -> _Connection:
        """A new connection, or its failure, shared by all calls that meet while it opens."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._log_in())
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    def _opened(self, opening: asyncio.Task[_Connection]) -> None:
        self._opening = None
        if not opening.cancelled() and opening.exception() is None:
            self._connection = opening.result()

    async def _log_in(self) -> _Connection:
        login = self._login()
        connection = await self._open(login)
        if login.password is None:
            return connection
        user = () if login.username is None else (login.username,)
        try:
            await connection.call(pack("AUTH", *user, login.password))
        except exceptions.ResponseError as error:
            connection.close(exceptions.ConnectionError("refused"))
            raise exceptions.AuthenticationError(str(error)) from error
        except exceptions.RedisError as error:
            raise Unsent(str(error)) from error
        except BaseException:  # cancelled: nobody knows this connection yet
            connection.close(exceptions.ConnectionError("abandoned"))
            raise
        return connection

    async def _open(self, login: Login) -> _Connection:
        loop = asyncio.get_running_loop()
        secured = "" if login.tls is None else ", TLS handshake included"
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self._answer_seconds), self._host, self._port, ssl=login.tls
                )
        except TimeoutError as error:
            raise Unsent(f"no connection within {self._connect_seconds:g} s{secured}") from error
        except OSError as error:
            raise Unsent(f"{type(error).__name__}: {error}") from error
        return connection
