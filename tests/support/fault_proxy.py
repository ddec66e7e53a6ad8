"""A proxy between an operator and a real API server that does what real ones do on bad days."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web

from api_server import ApiServer

Wanted = Callable[[web.Request], bool]
_DROPPED = {"connection", "host", "transfer-encoding", "content-length", "content-encoding"}


@dataclass(slots=True)
class Fault:
    """What happens to requests that match, so many times."""

    matches: Wanted
    code: int = 500
    """The answer; 0 cuts the connection."""
    times: int = 1_000_000
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False
    """Whether the API server gets the request all the same, and only its answer is lost."""
    delay: float = 0.0
    """Seconds before the request goes on; with code -1 that is all."""
    met: int = 0


class Point(StrEnum):
    """A moment in the life of a request."""

    READ = "a read on its way"
    READ_ANSWERED = "the answer to a read"
    WRITE = "a write on its way"
    WRITE_ANSWERED = "the answer to a write"
    EVENT = "an event of a watch"


def writes(request: web.Request) -> bool:
    """Whether a request changes something."""
    return request.method not in ("GET", "HEAD")


def watches(request: web.Request) -> bool:
    """Whether a request is a watch."""
    return request.query.get("watch") in ("1", "true")


def anything(_: web.Request) -> bool:
    """Every request."""
    return True


class FaultProxy:
    """Passes everything on, but for the faults that a test has put there."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self.faults: list[Fault] = []
        self.tokens: set[str] = set()
        """If not empty: bearer tokens that are let in."""
        self.deaf = False
        """Watches stay open, and nothing comes through them any more."""
        self.on_point: Callable[[Point], bool] = lambda _: False
        """Called at each; tells whether the client is no more, and the request with it."""
        self.port = 0
        self.requests = 0
        self._watches: set[web.StreamResponse] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def kubeconfig(self, path: Path, token: str = "any") -> Path:
        """A kubeconfig that leads here."""
        cluster = {"server": f"http://127.0.0.1:{self.port}"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
            "clusters": [{"name": "proxy", "cluster": cluster}],
            "users": [{"name": "proxy", "user": {"token": token}}],
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def cut_watches(self) -> int:
        """Drop every open watch, as a load balancer does; tells how many there were."""
        assert self._loop is not None
        found = list(self._watches)
        for answer in found:
            self._loop.call_soon_threadsafe(_cut, answer)
        return len(found)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        self.requests += 1
        if self.on_point(Point.WRITE if writes(request) else Point.READ):
            return _lost(request)
        if self.tokens:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in self.tokens:
                return _refusal(401, {})
        faulty = await self._meet(request)
        if faulty is not None:
            return faulty
        if watches(request):
            return await self._watch(request)
        answer = await self._send(request)
        if self.on_point(Point.WRITE_ANSWERED if writes(request) else Point.READ_ANSWERED):
            return _lost(request)
        return answer

    async def _meet(self, request: web.Request) -> web.Response | None:
        """What a fault makes of a request; None where it goes on as if nothing had happened."""
        fault = next(
            (each for each in self.faults if each.met < each.times and each.matches(request)), None
        )
        if fault is None:
            return None
        fault.met += 1
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.after:
            await self._send(request)
        if fault.code == 0:
            return _lost(request)
        return _refusal(fault.code, fault.headers) if fault.code > 0 else None

    async def _send(self, request: web.Request) -> web.Response:
        async with self._ask(request) as answer:
            headers = {k: v for k, v in answer.headers.items() if k.lower() not in _DROPPED}
            return web.Response(status=answer.status, headers=headers, body=await answer.read())

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        async with self._ask(request) as answer:
            relayed = web.StreamResponse(
                status=answer.status, headers={"Content-Type": answer.content_type}
            )
            await relayed.prepare(request)
            self._watches.add(relayed)
            try:
                async for chunk in answer.content.iter_any():
                    if self.on_point(Point.EVENT):
                        break
                    if not self.deaf:
                        with suppress(ConnectionError):  # cut by the test, or its client is gone
                            await relayed.write(chunk)
                        if request.transport is None or request.transport.is_closing():
                            break
            finally:
                self._watches.discard(relayed)
            return relayed

    @asynccontextmanager
    async def _ask(self, request: web.Request) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _DROPPED}
        headers.pop("Authorization", None)
        body = await request.read()
        timeout = aiohttp.ClientTimeout(total=None)
        url = f"{self._server.url}{request.path_qs}"
        async with self._client.request(
            request.method, url, headers=headers, data=body or None, timeout=timeout
        ) as answer:
            yield answer

    async def serve(self, started: threading.Event) -> None:
        """Serve until told to end."""
        connector = aiohttp.TCPConnector(ssl=self._server.client_context(), limit=0)
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        async with aiohttp.ClientSession(connector=connector) as self._client:
            app = web.Application(client_max_size=2**24)
            app.router.add_route("*", "/{path:.*}", self.handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = int(runner.addresses[0][1])
            started.set()
            await self._ended.wait()
            await runner.cleanup()

    def end(self) -> None:
        """Tell it to end, from another thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._ended.set)

    _client: aiohttp.ClientSession
    _ended: asyncio.Event


def _cut(answer: web.StreamResponse) -> None:
    request = answer._req
    if request is not None and request.transport is not None:
        request.transport.abort()


def _lost(request: web.Request) -> web.Response:
    """Cut the connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _refusal(code: int, headers: dict[str, str]) -> web.Response:
    reasons = {401: "Unauthorized", 409: "Conflict", 410: "Expired", 429: "TooManyRequests"}
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": f"a fault of the test: {code}",
        "reason": reasons.get(code, "InternalError"),
        "code": code,
    }
    return web.json_response(status, status=code, headers=headers)


@contextmanager
def fault_proxy(server: ApiServer) -> Iterator[FaultProxy]:
    """A proxy in a thread of its own."""
    proxy = FaultProxy(server)
    started = threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(proxy.serve(started)), name="fault proxy", daemon=True
    )
    thread.start()
    assert started.wait(60)
    try:
        yield proxy
    finally:
        proxy.end()
        thread.join(60)
