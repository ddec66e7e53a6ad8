"""aiohttp's response for replies, but for how it becomes bytes: in one piece, without its tables.

`ingest/routes.py` answers with it. A `web.Response` adds to its headers, writes them out again and
passes through eight coroutines for that: an eighth of what a request of one sample takes. What is
sent is the same (tests/dataplane/ingest/test_responses.py).
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11

from anomaly_dataplane.ingest.reply import Reply
from anomaly_dataplane.ingest.responses import Responses


class ReplyResponse(web.StreamResponse):
    """Sends one reply to a request of HTTP/1.1."""

    def __init__(self, reply: Reply, responses: Responses) -> None:
        super().__init__(status=reply.status, headers=reply.headers)
        self._reply = reply
        self._responses = responses
        self._sent = False

    @property
    def prepared(self) -> bool:
        """Whether it is being sent already."""
        return self._sent

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send all of it."""
        if not self._sent:
            self._sent = True
            if self._keep_alive is None:
                self._keep_alive = request.keep_alive
            close = not self._keep_alive
            await request.writer.write(self._responses.encode(self._reply, close=close))
            # A sender that does not read its answers gets no further ones.
            await request.writer.drain()
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the end went with the rest."""


def respond(request: web.BaseRequest, reply: Reply, responses: Responses) -> web.StreamResponse:
    """The response that tells the sender of a request the reply to it."""
    if request.version == HttpVersion11:
        return ReplyResponse(reply, responses)
    return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
