"""A receiver of webhooks for tests: a real HTTP server in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from redis_server import free_port


@dataclass
class Hook:
    """What a receiver got, and how it answers.

    Attributes:
        status: of the next answers.
        headers: of the next answers.
        token: that it wants; without it the answer is 401.
        hangs: whether it takes connections and never answers.
        chokes_on: what it answers 500 to, if a body has it; empty for nothing.
        tls: a folder with the certificate that it shows; None for plain HTTP.
        posts: (headers, body) of all that it took.
        asked: how many came, taken or not.
    """

    port: int
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    token: str = ""
    hangs: bool = False
    chokes_on: str = ""
    tls: Path | None = None
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    asked: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/hook"

    def bodies(self, event: str = "") -> list[dict[str, Any]]:
        """What was taken, repeats left out; of one event, if one is named."""
        with self.lock:
            bodies = [json.loads(body) for _, body in self.posts]
        first = {body["id"]: body for body in bodies}
        return [body for body in first.values() if event in ("", body["event"])]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked += 1
        headers = {name.lower(): value for name, value in request.headers.items()}
        if self.hangs:
            await self.over.wait()
        if self.chokes_on and self.chokes_on.encode() in body:
            return web.Response(status=500)
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        if self.status < 300:
            with self.lock:
                self.posts.append((headers, body))
        return web.Response(status=self.status, headers=self.headers, text="as you wish")


@contextmanager
def webhook(port: int = 0, *, token: str = "", tls: Path | None = None) -> Iterator[Hook]:
    """Run one for the length of a test, or of a part of it."""
    hook = Hook(port or free_port(), token=token, tls=tls)
    context: ssl.SSLContext | None = None
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls / "tls.crt", tls / "tls.key")
    loop = asyncio.new_event_loop()
    app = web.Application()
    app.router.add_post("/hook", hook._take)
    runner = web.AppRunner(app)
    started = threading.Event()

    async def start() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", hook.port, ssl_context=context).start()
        started.set()

    def run() -> None:
        loop.run_until_complete(start())
        loop.run_forever()
        hook.over.set()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(60)
    try:
        yield hook
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
