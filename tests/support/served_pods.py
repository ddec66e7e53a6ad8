"""Pods as their senders see them: by HTTP alone, whether in the test's process or in one of theirs.

The suite over all protocols runs on either. A process of its own is dear, so that one serves many
tests: each counts from where it began, and takes series of its own.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from aiohttp import ClientSession

from exposition import metric_in
from outages import PodProcess
from redis_server import RedisServer
from running_pod import Answer

TOKEN = "correct-horse"


class ServedPod(Protocol):
    """What a test may ask of a pod."""

    async def ask(
        self,
        path: str,
        method: str = "GET",
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer to a request."""
        ...

    async def admin(self, path: str) -> Answer:
        """The same on the admin port."""
        ...

    async def accepted(self) -> int:
        """Samples that the store holds since the test began."""
        ...

    async def series(self) -> int:
        """Series that came into being since."""
        ...

    async def counted(self, name: str, **labels: str) -> float:
        """What was added since to a metric, over all its series with these labels."""
        ...


class ProcessPod:
    """A `ServedPod` that is a process of its own; senders need TOKEN, and `ask` has it."""

    def __init__(self, process: PodProcess, session: ClientSession) -> None:
        self._process = process
        self._session = session
        self._totals: dict[str, Any] = {}
        self._metrics = ""

    async def begin(self) -> None:
        """Count from here."""
        self._totals = (await self.admin("/api/v1/stats")).json
        self._metrics = (await self.admin("/metrics")).text

    async def ask(
        self,
        path: str,
        method: str = "GET",
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        given = {"Authorization": f"Bearer {TOKEN}", **(headers or {})}
        return await self._request(self._process.port, path, method, body, given)

    async def admin(self, path: str) -> Answer:
        return await self._request(self._process.admin_port, path, "GET", None, {})

    async def accepted(self) -> int:
        return await self._since("samples")

    async def series(self) -> int:
        return await self._since("series")

    async def counted(self, name: str, **labels: str) -> float:
        now = (await self.admin("/metrics")).text
        return metric_in(now, name, **labels) - metric_in(self._metrics, name, **labels)

    async def _since(self, total: str) -> int:
        now: dict[str, Any] = (await self.admin("/api/v1/stats")).json
        return int(now[total]) - int(self._totals[total])

    async def _request(
        self, port: int, path: str, method: str, body: object, headers: Mapping[str, str]
    ) -> Answer:
        url = f"http://127.0.0.1:{port}{path}"
        async with self._session.request(method, url, data=body, headers=headers) as response:
            return Answer(response.status, response.headers, await response.read())


@contextlib.asynccontextmanager
async def asking(process: PodProcess) -> AsyncIterator[ProcessPod]:
    """The pod for the length of a test."""
    async with ClientSession() as session:
        pod = ProcessPod(process, session)
        await pod.begin()
        yield pod


@contextmanager
def pod_process(
    folder: Path, document: Mapping[str, Any], mode: str, servers: Sequence[RedisServer]
) -> Iterator[PodProcess]:
    """`anomaly-dataplane run` on real Redis, for a pipeline of its own that wants TOKEN."""
    tokens = folder / "tokens"
    tokens.mkdir()
    (tokens / "senders").write_text(TOKEN)
    auth = {"tokenSecretRef": {"name": "senders"}}
    raw = {
        **document,
        "pipeline": {"uid": uuid4().hex},
        "ingest": {**document["ingest"], "auth": auth},
        "redis": {"mode": mode, "urls": [server.url for server in servers]},
    }
    config = folder / "pipeline.json"
    config.write_text(json.dumps(raw))
    pod = PodProcess(config, folder / "pod.log", {"ANOMALY_TOKEN_SECRET_DIR": str(tokens)})
    pod.start()
    try:
        yield pod
    finally:
        pod.kill()
