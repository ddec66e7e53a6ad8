"""Reads a request's body within its bounds: bytes on the wire, bytes unpacked, bytes of all, time.

`routes.py` and `front/` call it. aiohttp must be told `auto_decompress=False` (serve.py does): it
would unpack before anything here could count.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from aiohttp import web
from aiohttp.streams import StreamReader

from anomaly_dataplane.errors import BadPayload, BufferFull, Refused
from anomaly_dataplane.ingest.unpack import unpack


class SlowBody(Refused):
    """The body did not arrive in time. Nothing is wrong with it, so the sender may try again."""

    reason = "slow_body"


class BodyReader:
    """Reads bodies of at most `max_bytes`, before and after decompression.

    Args:
        max_total_bytes: of all bodies that are not yet in the buffer; without it a few slow senders
            of large bodies would fill the pod's memory before that could refuse anything.
        timeout_seconds: for one body.
    """

    def __init__(self, max_bytes: int, max_total_bytes: int, timeout_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._max_total_bytes = max(max_total_bytes, max_bytes)
        self._timeout_seconds = timeout_seconds
        self._arriving_bytes = 0

    @property
    def arriving_bytes(self) -> int:
        """Held at this moment for bodies that are not yet in the buffer."""
        return self._arriving_bytes

    async def read(self, request: web.Request, encoding: str) -> bytes:
        """The body, unpacked; `encoding` is one that `unpack` knows.

        Raises:
            BadPayload: it is too large, or not what `encoding` says.
            Refused: it came too slowly, or too many others are arriving.
        """
        content = request.content
        # Nearly every request: it came whole in one packet, so there is nothing to wait for.
        body = content.read_nowait() if content.is_eof() else await self._receive(request)
        return self.unpacked(body, encoding)

    def unpacked(self, body: bytes, encoding: str) -> bytes:
        """The content of a body that is there as a whole; `encoding` is one that `unpack` knows.

        Raises:
            BadPayload: it is too large, or not what `encoding` says.
        """
        if len(body) > self._max_bytes:
            raise too_large(self._max_bytes)
        return unpack(body, encoding, self._max_bytes) if encoding else body

    def hold(self, size_bytes: int) -> None:
        """Count bytes that came of a body that is not complete; `release` takes them off again.

        Raises:
            BufferFull: with them all bodies together were too large. They are not counted.
        """
        if self._arriving_bytes + size_bytes > self._max_total_bytes:
            raise BufferFull("too many bodies are arriving at once")
        self._arriving_bytes += size_bytes

    def release(self, size_bytes: int) -> None:
        """Forget bytes that were held: their body is complete or was given up."""
        self._arriving_bytes -= size_bytes

    @contextlib.contextmanager
    def held(self, size_bytes: int) -> Iterator[None]:
        """Count the bytes of a body that is complete but not yet in the buffer.

        Raises:
            BufferFull: as `hold`.
        """
        self.hold(size_bytes)
        try:
            yield
        finally:
            self.release(size_bytes)

    async def _receive(self, request: web.Request) -> bytes:
        announced = request.content_length
        if announced is not None and announced > self._max_bytes:
            raise too_large(self._max_bytes)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._collect(request.content)
        except TimeoutError:
            raise SlowBody(
                f"the body did not arrive within {self._timeout_seconds:g} s; send less at once"
            ) from None
        except (BadPayload, Refused, ConnectionError):
            raise
        except Exception as error:  # aiohttp's several kinds of broken framing
            raise BadPayload(f"the body could not be read: {error}") from None

    async def _collect(self, content: StreamReader) -> bytes:
        chunks = bytearray()
        try:
            async for chunk in content.iter_any():
                if len(chunks) + len(chunk) > self._max_bytes:
                    raise too_large(self._max_bytes)
                self.hold(len(chunk))
                chunks += chunk
            return bytes(chunks)
        finally:
            self.release(len(chunks))


def too_large(max_bytes: int) -> BadPayload:
    """The error for a body beyond its bound."""
    return BadPayload(
        f"the body is larger than {max_bytes} bytes (spec.ingest.maxBodyBytes, counted after "
        "decompression); send fewer samples at once",
        status=413,
    )
