"""One connection: answers plain POSTs of samples by itself, and hands all else over to aiohttp.

`server.py` makes them. A request is plain if `heads.py` says so; whatever is not (another path or
method, chunked, Expect, a fault in the head, a body that is slow, or not yet there and without a
valid token) goes to aiohttp with all bytes that came, and the connection stays there. So time-outs
and refusals before a body's end are aiohttp's and `ingest/body.py`'s alone.

One request is in work at a time, as in aiohttp: what follows waits unread or in `_data`.
"""

from __future__ import annotations

import asyncio
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, cast

from anomaly_dataplane.errors import Refused
from anomaly_dataplane.front.heads import Head
from anomaly_dataplane.ingest.intake import Taken
from anomaly_dataplane.ingest.reply import Reply, failure
from anomaly_dataplane.sample import Verdicts

if TYPE_CHECKING:
    from anomaly_dataplane.front.server import Front

_END_OF_HEAD = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    """A connection that has sent nothing but plain requests so far.

    Attributes:
        requests: that were taken on this connection.
        silent: not even the head of one came.
    """

    __slots__ = (
        "_arriving",
        "_at",
        "_data",
        "_front",
        "_head",
        "_held",
        "_idle_sweeps",
        "_late",
        "_needed",
        "_paused",
        "_reading_paused",
        "_seen_requests",
        "_taken",
        "_transport",
        "requests",
        "silent",
    )

    def __init__(self, front: Front) -> None:
        self._front = front
        self._transport: asyncio.Transport | None = None
        # Whole input, worked off up to `_at`; or, in `_arriving`, input that is not yet enough.
        self._data = b""
        self._at = 0
        self._arriving = bytearray()
        self._needed = 0
        self._held = 0
        self._taken: Taken | None = None
        self._head: Head | None = None
        self._paused = False
        self._reading_paused = False
        self._late = False
        self._idle_sweeps = 0
        self._seen_requests = 0
        self.requests = 0
        self.silent = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        opened = transport.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._front.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def data_received(self, data: bytes) -> None:
        if self._taken is not None or (self._paused and not self._arriving):
            self._data = self._data[self._at :] + data
            self._at = 0
            self._pause_reading()
            return
        if self._arriving:
            self._arriving += data
            if len(self._arriving) < self._needed:
                self._hold()
                return
            data = bytes(self._arriving)
            self._arriving.clear()
        self._data = data
        self._at = 0
        self._work()

    def pause_writing(self) -> None:
        """The sender does not read its answers: take nothing more until it does."""
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._go_on()

    @property
    def arriving(self) -> int:
        """Bytes that have come of a request that is not complete."""
        return len(self._arriving)

    def close(self) -> None:
        """Close the connection once what was taken is answered and sent."""
        if self._transport is not None and self._taken is None:
            self._transport.close()

    def force_close(self) -> None:
        """Close the connection, whatever it is doing and however much was not yet sent."""
        if self._transport is not None:
            self._transport.abort()

    def look_after(self, sweeps: float) -> None:
        """Called by `Front.sweep`: hand over a request that is slow, close what idles too long.

        Args:
            sweeps: without any progress after which an idle connection is closed.
        """
        if self.requests != self._seen_requests:
            self._seen_requests = self.requests
            self._idle_sweeps = 0
        elif self._taken is None:
            self._idle_sweeps += 1
        if self._idle_sweeps > sweeps:
            self.force_close()
        elif self._arriving:
            if self._late and not self._paused:
                self._hand_over(bytes(self._arriving))
            self._late = True

    def _work(self) -> None:
        """Take requests from the input until one must be waited for."""
        while self._at < len(self._data) and self._taken is None and not self._paused:
            data, at = self._data, self._at
            end = data.find(_END_OF_HEAD, at) + 4
            if end < 4:
                rest = data[at:]
                if self._front.heads.may_become_plain(rest):
                    self._wait_for_more(rest, len(rest) + 1)
                else:
                    self._hand_over(rest)
                return
            head = self._front.heads.read(data[at:end])
            if head is None:
                self._hand_over(data[at:] if at else data)
                return
            after = end + head.length
            if after > len(data):
                if head.is_barred:
                    # Told at once, since what is held for one sender is refused to others.
                    self._hand_over(data[at:] if at else data)
                    return
                self.silent = False
                self._wait_for_more(data[at:] if at else data, after - at)
                return
            self._at = after
            self._release()
            self._take(head, data[end:after])

    def _wait_for_more(self, rest: bytes, needed: int) -> None:
        self._data = b""
        self._at = 0
        self._arriving += rest
        self._needed = needed
        self._hold()

    def _hold(self) -> None:
        """Count what has come of a request among all that is arriving."""
        more = len(self._arriving) - self._held
        try:
            self._front.bodies.hold(more)
        except Refused:
            # aiohttp's side reads on and refuses it, with all that this entails.
            self._hand_over(bytes(self._arriving))
        else:
            self._held += more

    def _release(self) -> None:
        if self._held:
            self._front.bodies.release(self._held)
            self._held = 0

    def _take(self, head: Head, body: bytes) -> None:
        """Have one request's samples committed, or refuse it at once."""
        self.requests += 1
        self.silent = self._late = False
        intake = head.endpoint.intake
        try:
            if head.endpoint.gate is not None:
                head.endpoint.gate.check(head.facts)
            content = self._front.bodies.unpacked(body, head.call.encoding)
            taken = intake.take(head.call, content, time.perf_counter())
            if taken.verdicts is None:
                self._write(intake.reply(taken, None))
            else:
                self._taken, self._head = taken, head
                taken.verdicts.add_done_callback(self._committed)
        except Exception as error:
            self._write(self._failure(error, head))

    def _committed(self, verdicts: asyncio.Future[Verdicts]) -> None:
        """Answer the request in work; its sender may have gone."""
        taken, head = self._taken, self._head
        self._taken = None
        assert taken is not None
        assert head is not None
        try:
            reply = head.endpoint.intake.reply(taken, verdicts.result())
        except Exception as error:
            reply = self._failure(error, head)
        self._write(reply)
        self._go_on()

    def _failure(self, error: Exception, head: Head) -> Reply:
        worded = partial(head.endpoint.dialect.failed, head.facts)
        return failure(error, self._front.telemetry, head.facts.path, worded)

    def _write(self, reply: Reply) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        close = self._front.closing
        transport.write(self._front.responses.encode(reply, close=close))
        if close:
            transport.close()
            self._data = b""
            self._at = 0

    def _go_on(self) -> None:
        """Work on what came meanwhile, and read on."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._at < len(self._data):
            self._work()
        if self._reading_paused and self._taken is None and not self._paused:
            self._reading_paused = False
            if self._transport is not None:
                self._transport.resume_reading()

    def _pause_reading(self) -> None:
        if not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()

    def _hand_over(self, data: bytes) -> None:
        """Make aiohttp the owner of the connection, as if all that is left had just come."""
        transport = self._transport
        self._leave()
        if transport is None or transport.is_closing():
            return
        if self._reading_paused:
            transport.resume_reading()
        handler = self._front.aiohttp()
        transport.set_protocol(handler)
        handler.connection_made(transport)
        handler.data_received(data)

    def _leave(self) -> None:
        self._transport = None
        self._data = b""
        self._at = 0
        self._arriving.clear()
        self._release()
        self._front.forget(self)
