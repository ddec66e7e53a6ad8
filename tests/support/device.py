"""Devices that send samples through the ingress, and people who query: real HTTP, nothing mocked.

`call` is one request. `Fleet` is many devices sending at a steady rate from a thread of its own,
the way a real client does: 503 is retried after Retry-After, everything else counts as an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import select
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

Sample = dict[str, Any]
START = 1_767_225_600
"""A timestamp that the series of these tests start at: 2026-01-01T00:00:00Z."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: Any

    def ok(self) -> Answer:
        """Return itself if it is a 2xx."""
        assert 200 <= self.status < 300, f"{self.status}: {self.body}"
        return self


def sample(metric: str, device: str, second: float, value: float) -> Sample:
    """One sample, `second` seconds after START."""
    return {
        "metric": metric,
        "labels": {"device": device},
        "timestamp": START + second,
        "value": value,
    }


def call(
    method: str,
    url: str,
    *,
    content: object = None,
    body: bytes | None = None,
    host: str = "",
    headers: Mapping[str, str] | None = None,
    timeout: float = 15,
) -> Answer:
    """Send one request and wait for its answer; an unreachable server is status 0.

    Args:
        method: of the request.
        url: of the request.
        content: what to send as JSON.
        body: what to send as it is, instead.
        host: the Host header, if not the URL's.
        headers: further ones, or others than JSON's.
        timeout: in seconds, for the whole of it.
    """
    if body is None:
        body = json.dumps(content).encode() if content is not None else b""
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **(headers or {}),
    }
    if host:
        headers["Host"] = host
    where = urlsplit(url)
    path = f"{where.path}?{where.query}" if where.query else where.path
    connection = HTTPConnection(where.hostname or "", where.port, timeout=timeout)
    try:
        # A server may answer and close before it has read it all; the answer can be read then too.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, _until_answered(connection, body), headers)
        response = connection.getresponse()
        return Answer(response.status, _lower(response.getheaders()), _decoded(response.read()))
    except (OSError, HTTPException) as error:
        return Answer(0, {}, f"{type(error).__name__}: {error}")
    finally:
        connection.close()


def _lower(headers: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers}


def _until_answered(connection: HTTPConnection, body: bytes) -> Iterator[bytes]:
    """Pieces of the body, until the server answers without having read them all."""
    for start in range(0, len(body), 65536):
        if select.select([connection.sock], [], [], 0)[0]:
            return
        yield body[start : start + 65536]


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


@dataclass
class Report:
    """What a fleet has seen."""

    acknowledged: int = 0
    """Samples that got a 2xx; each was sent until it got one."""
    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    """Anything but 2xx and 503 with an integer Retry-After."""
    slowest: float = 0.0


class Fleet:
    """Devices that send at a steady rate while the `with` block runs."""

    def __init__(
        self,
        url: str,
        *,
        devices: int = 20,
        rate: float = 150,
        batch: int = 1,
        metric: str = "load",
        host: str = "",
    ) -> None:
        self.report = Report()
        self._url = url
        self._devices = devices
        self._rate = rate
        self._batch = batch
        self._metric = metric
        self._headers = {"Host": host} if host else {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no more, and wait until what was sent is acknowledged."""
        self._stop.set()
        self._thread.join(timeout=240)
        assert not self._thread.is_alive(), "samples of the fleet are still unacknowledged"

    async def _run(self) -> None:
        limit = aiohttp.ClientTimeout(total=15)
        connector = aiohttp.TCPConnector(limit=self._devices)
        async with aiohttp.ClientSession(timeout=limit, connector=connector) as session:
            devices = (self._device(session, number) for number in range(self._devices))
            await asyncio.gather(*devices)

    async def _device(self, session: aiohttp.ClientSession, number: int) -> None:
        """Send batch after batch; a batch that was refused is sent again until it is taken."""
        pause = self._devices / self._rate
        due = time.monotonic() + pause * number / self._devices
        second = 0
        while not self._stop.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due + pause, time.monotonic() - 1)
            batch = [
                sample(self._metric, f"{self._metric}-{number}", second + i, 20 + (second + i) % 7)
                for i in range(self._batch)
            ]
            second += self._batch
            self.report.sent += len(batch)
            await self._deliver(session, batch)

    async def _deliver(self, session: aiohttp.ClientSession, batch: Sequence[Sample]) -> None:
        give_up = time.monotonic() + 200
        while time.monotonic() < give_up:
            wait = 0.2
            started = time.monotonic()
            try:
                async with session.post(self._url, json=batch, headers=self._headers) as response:
                    body = await response.read()
                    self.report.statuses[response.status] += 1
                    if 200 <= response.status < 300:
                        self.report.slowest = max(self.report.slowest, time.monotonic() - started)
                        self.report.acknowledged += len(batch)
                        return
                    retry_after = response.headers.get("Retry-After", "")
                    if response.status == 503 and retry_after.isdigit():
                        wait = min(float(retry_after), 2.0)
                    else:
                        self.report.surprises.append(
                            f"{response.status} Retry-After={retry_after!r} {body[:200]!r}"
                        )
            except (aiohttp.ClientError, TimeoutError) as error:
                self.report.statuses[0] += 1
                self.report.surprises.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(wait)
