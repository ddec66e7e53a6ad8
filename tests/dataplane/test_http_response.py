"""Replies reach their senders as aiohttp would write them, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from anomaly_dataplane.http_response import respond
from anomaly_dataplane.ingest.reply import JSON_HEADERS, Reply, error_reply
from anomaly_dataplane.ingest.responses import Responses
from raw_http import wire

DATE = re.compile(rb"(?<=\r\nDate: )[^\r]+")
REPLIES = {
    "/good": Reply(200, b'{"accepted":1}', JSON_HEADERS),
    "/large": Reply(200, b"x" * 200_000, JSON_HEADERS),
    "/bad": error_reply(400, "no"),
    "/later": error_reply(503, "full", {**JSON_HEADERS, "Retry-After": "1"}),
}
Respond = Callable[[web.BaseRequest, Reply], web.StreamResponse]


def _as_aiohttp(_: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    return web.Response(status=reply.status, body=reply.body, headers=reply.headers)


def _as_we_do(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    return respond(request, reply, Responses())


async def _came(make: Respond, text: bytes, *, leaving: bool) -> bytes:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        response = make(request, REPLIES[request.path])
        if leaving:
            response.force_close()
        return response

    async with RawTestServer(handler, port=0) as server:
        assert server.port is not None
        async with wire(server.port) as opened:
            await opened.send(text)
            return DATE.sub(b"now", await opened.rest())


@pytest.mark.parametrize("leaving", [False, True], ids=["staying", "leaving"])
@pytest.mark.parametrize("last", ["HTTP/1.1\r\nConnection: close", "HTTP/1.0"])
async def test_a_reply_is_what_aiohttp_would_send(last: str, leaving: bool) -> None:
    """Kept and closed connections, in either version of HTTP."""
    requests = [
        f"POST {path} HTTP/1.1\r\nHost: pod\r\nContent-Length: 1\r\n\r\nx" for path in REPLIES
    ]
    text = "".join(requests) + f"POST /good {last}\r\nHost: pod\r\nContent-Length: 1\r\n\r\nx"

    expected = await _came(_as_aiohttp, text.encode(), leaving=leaving)

    assert expected.count(b"HTTP/1.") == (1 if leaving else len(REPLIES) + 1)
    assert await _came(_as_we_do, text.encode(), leaving=leaving) == expected


async def test_a_connection_that_is_kept_at_its_senders_wish_says_so() -> None:
    """As HTTP/1.0 has it."""
    head = "POST /good HTTP/1.0\r\nHost: pod\r\nContent-Length: 1\r\n"
    text = f"{head}Connection: keep-alive\r\n\r\nx{head}\r\nx".encode()

    expected = await _came(_as_aiohttp, text, leaving=False)

    assert expected.count(b"HTTP/1.0 200 OK") == 2
    assert await _came(_as_we_do, text, leaving=False) == expected
