"""Devices that send samples through the ingress, and people who query: real HTTP, nothing mocked.

`call` is one request. `Fleet` is many devices sending at a steady rate from a thread of its own,
the way a real client does: 503 is retried after Retry-After, everything else counts as an error.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp

Sample = dict[str, Any]
START = 1_767_225_600
"""A timestamp that the series of these tests start at: 2026-01-01T00:00:00Z."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
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
    host: str = "",
    timeout: float = 15,
) -> Answer:
    """Send one request and wait for its answer; an unreachable server is status 0."""
    return asyncio.run(_call(method, url, content, host, timeout))


async def _call(method: str, url: str, content: object, host: str, timeout: float) -> Answer:
    limit = aiohttp.ClientTimeout(total=timeout)
    headers = {"Host": host} if host else {}
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.request(method, url, json=content, headers=headers) as response,
        ):
            return Answer(response.status, dict(response.headers), _decoded(await response.read()))
    except (aiohttp.ClientError, TimeoutError) as error:
        return Answer(0, {}, f"{type(error).__name__}: {error}")


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
        self._stop.set()
        self._thread.join(timeout=90)
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
        give_up = time.monotonic() + 75
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
