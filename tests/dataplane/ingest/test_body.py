"""Reading bodies: what many of them may hold together."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from anomaly_dataplane.errors import BadPayload, BufferFull
from anomaly_dataplane.ingest.body import BodyReader

LIMIT = 1000


def arriving(*chunks: bytes, end: bool = True) -> StreamReader:
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.connection_made(asyncio.Transport())
    stream = StreamReader(protocol, limit=2**16, loop=loop)
    for chunk in chunks:
        stream.feed_data(chunk)
    if end:
        stream.feed_eof()
    return stream


async def read(reader: BodyReader, stream: StreamReader, **headers: str) -> bytes:
    request = make_mocked_request("POST", "/", headers=headers, payload=stream)
    return await reader.read(request, "")


async def test_a_body_comes_back_as_it_was_sent() -> None:
    """Whether it is here already or still on its way."""
    reader = BodyReader(LIMIT, LIMIT, 5)
    assert await read(reader, arriving(b"ab", b"cd")) == b"abcd"
    stream = arriving(b"ab", end=False)
    waiting = asyncio.create_task(read(reader, stream))
    await asyncio.sleep(0)
    assert reader.arriving_bytes == 2
    stream.feed_data(b"cd")
    stream.feed_eof()
    assert await waiting == b"abcd"
    assert reader.arriving_bytes == 0


async def test_all_bodies_on_their_way_are_bounded_together() -> None:
    """Slow senders of large bodies cannot fill the pod's memory; each is told to come back."""
    reader = BodyReader(LIMIT, 1500, 5)
    first = asyncio.create_task(read(reader, arriving(b"x" * 900, end=False)))
    await asyncio.sleep(0)
    with pytest.raises(BufferFull):
        await read(reader, arriving(b"x" * 900, end=False))
    assert reader.arriving_bytes == 900
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert reader.arriving_bytes == 0


async def test_a_body_that_says_that_it_is_too_large_is_not_read() -> None:
    """Its Content-Length is enough."""
    reader = BodyReader(LIMIT, LIMIT, 5)
    headers = {"Content-Length": str(LIMIT + 1)}
    with pytest.raises(BadPayload, match="larger than 1000 bytes") as caught:
        await read(reader, arriving(b"x", end=False), **headers)
    assert caught.value.status == 413


async def test_broken_framing_is_a_bad_payload() -> None:
    """A chunk that is none is the sender's fault, not ours."""
    stream = arriving(b"x", end=False)
    stream.set_exception(ValueError("bad chunk"))
    with pytest.raises(BadPayload, match="could not be read: bad chunk"):
        await read(BodyReader(LIMIT, LIMIT, 5), stream)
