"""HTTP as bytes on a socket: what no client library would send, and answers just as they came."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import cast

from anomaly_dataplane.contract.runtime import PATH_INGEST


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One answer, cut from the stream by its Content-Length."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    @property
    def headers(self) -> Mapping[str, str]:
        """By name in lower case; no answer of ours has one twice."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = [line.split(": ", 1) for line in lines if line]
        assert len({name for name, _ in pairs}) == len(pairs)
        return {name.lower(): value for name, value in pairs}

    @property
    def json(self) -> dict[str, object]:
        parsed = json.loads(self.body)
        assert isinstance(parsed, dict)
        return parsed

    @property
    def error(self) -> str:
        return str(self.json["error"])

    @property
    def undated(self) -> bytes:
        """All of it but the date."""
        lines = self.head.split(b"\r\n")
        kept = [line for line in lines if not line.startswith(b"Date: ")]
        assert len(kept) == len(lines) - 1
        return b"\r\n".join(kept) + self.body


class Wire(asyncio.Protocol):
    """One connection. Keeps what came before a reset, which asyncio's streams do not."""

    def __init__(self) -> None:
        self._came = bytearray()
        self._over = False
        self._news = asyncio.Event()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._came += data
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._news.set()

    async def send(self, *packets: bytes) -> None:
        """Send packets, each in a segment of its own as far as that is in our hands."""
        for packet in packets:
            self.transport.write(packet)
            # Time for the server, which runs in the same loop, to read it by itself.
            for _ in range(3):
                await asyncio.sleep(0)

    async def head(self) -> bytes:
        """The next head, up to and with its empty line."""
        while (end := self._came.find(b"\r\n\r\n") + 4) < 4:
            await self._more()
        return self._cut(end)

    async def answer(self) -> RawAnswer:
        """The next answer; answers to HEAD are not understood."""
        head = await self.head()
        if head.startswith((b"HTTP/1.1 100 ", b"HTTP/1.1 204 ")):
            return RawAnswer(head, b"")
        length = int(RawAnswer(head, b"").headers["content-length"])
        while len(self._came) < length:
            await self._more()
        return RawAnswer(head, self._cut(length))

    async def ask(self, *packets: bytes) -> RawAnswer:
        await self.send(*packets)
        return await self.answer()

    async def rest(self) -> bytes:
        """All that comes until the connection ends."""
        while not self._over:
            self._news.clear()
            await self._news.wait()
        return self._cut(len(self._came))

    async def closed(self) -> bool:
        """Wait for the end; true if nothing but the end came."""
        return await self.rest() == b""

    async def close(self) -> None:
        self.transport.close()
        await self.rest()

    async def _more(self) -> None:
        if self._over:
            raise EOFError(f"the connection ended after {bytes(self._came)!r}")
        self._news.clear()
        await self._news.wait()

    def _cut(self, length: int) -> bytes:
        cut = bytes(self._came[:length])
        del self._came[:length]
        return cut


@contextlib.asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """A connection for the length of a block."""
    _, opened = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", port)
    try:
        yield opened
    finally:
        await opened.close()


def request(
    method: str = "POST",
    target: str = PATH_INGEST,
    body: bytes | None = b'{"metric":"m","value":1}',
    *headers: str,
    version: str = "1.1",
) -> bytes:
    """A well-formed request; Content-Length is put in if there is a body."""
    lines = [f"{method} {target} HTTP/{version}", "Host: pod"]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + (body or b"")
