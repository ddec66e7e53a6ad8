"""Answers as bytes: header for header what aiohttp would send.

`http_response.py` writes them on connections of aiohttp, `front/connection.py` on its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus

from aiohttp.http import SERVER_SOFTWARE

from anomaly_dataplane.ingest.reply import JSON_HEADERS, Reply

_USUAL = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b"
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Responses:
    """Makes bytes of replies."""

    def __init__(self, wall_clock: Callable[[], float] = time.time) -> None:
        self._wall_clock = wall_clock
        self._second = -1
        self._tail = b""

    def encode(self, reply: Reply, *, close: bool) -> bytes:
        """The whole response.

        Args:
            reply: what to say.
            close: tell the sender that the connection ends here.
        """
        second = int(self._wall_clock())
        if second != self._second:
            self._second = second
            date = formatdate(second, usegmt=True)
            self._tail = f"Date: {date}\r\nServer: {SERVER_SOFTWARE}\r\n".encode()
        body = reply.body
        if reply.status == 200 and reply.headers is JSON_HEADERS and not close:
            return _USUAL % (len(body), self._tail, body)
        headers = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
        length = b"" if reply.status == 204 else b"Content-Length: %d\r\n" % len(body)
        return b"HTTP/1.1 %d %b\r\n%b%b%b%b\r\n%b" % (
            reply.status,
            _REASONS[reply.status].encode(),
            headers.encode(),
            length,
            self._tail,
            b"Connection: close\r\n" if close else b"",
            body,
        )
