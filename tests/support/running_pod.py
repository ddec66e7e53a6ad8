"""A whole data-plane pod in the test's own process, on free loopback ports, and a client for it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from aiohttp import ClientSession

from anomaly_dataplane.app import Pod, assemble
from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_dataplane.contract.runtime import PATH_INGEST
from anomaly_dataplane.serve import Listening, serve
from anomaly_dataplane.settings import read_settings
from anomaly_dataplane.store import Store
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.telemetry import Telemetry
from exposition import metric_in
from samples import a_config


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def json(self) -> dict[str, object]:
        parsed = json.loads(self.text)
        assert isinstance(parsed, dict)
        return parsed

    @property
    def error(self) -> str:
        return str(self.json["error"])


@dataclass(frozen=True, slots=True)
class RunningPod:
    """A pod that serves, and how to talk to it."""

    pod: Pod
    ports: Listening
    stop: asyncio.Event
    stopped: asyncio.Task[None]
    session: ClientSession

    async def ask(
        self,
        path: str,
        method: str = "GET",
        body: object = None,
        headers: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> Answer:
        url = f"http://127.0.0.1:{port or self.ports.http_port}{path}"
        async with self.session.request(method, url, data=body, headers=headers) as response:
            return Answer(response.status, response.headers, await response.read())

    async def ingest(
        self, body: object, query: str = "", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a body as it is if it is bytes, else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        # A stream, as aiohttp's client warns of large bodies given as bytes.
        return await self.ask(PATH_INGEST + query, "POST", io.BytesIO(data), headers)

    async def admin(self, path: str) -> Answer:
        return await self.ask(path, port=self.ports.admin_port)

    async def accepted(self) -> int:
        """Samples that the store holds."""
        return (await self.pod.store.totals()).samples

    async def series(self) -> int:
        """Series that it holds."""
        return (await self.pod.store.totals()).series

    async def counted(self, name: str, **labels: str) -> float:
        """The sum of a metric over all its series with these labels."""
        return metric_in((await self.admin("/metrics")).text, name, **labels)


@contextlib.asynccontextmanager
async def running_pod(
    config: PipelineConfig | None = None,
    store: Store | None = None,
    shadow_store: Store | None = None,
    **environ: str,
) -> AsyncIterator[RunningPod]:
    """Run a pod for the length of a test; `environ` holds settings by their variable."""
    base = {
        "ANOMALY_BIND": "127.0.0.1",
        "ANOMALY_HTTP_PORT": "0",
        "ANOMALY_ADMIN_PORT": "0",
        "ANOMALY_DRAIN_SECONDS": "0",
        "ANOMALY_CONFIG": "/dev/null",
    }
    settings = read_settings({**base, **environ}, {})
    pod = assemble(
        settings,
        config or a_config(),
        store or MemoryStore(),
        Telemetry("test", "python"),
        shadow_store,
    )
    stop = asyncio.Event()
    ports: list[Listening] = []
    started = asyncio.Event()

    def note(listening: Listening) -> None:
        ports.append(listening)
        started.set()

    task = asyncio.create_task(serve(pod, stop, note))
    task.add_done_callback(lambda _: started.set())
    await started.wait()
    if task.done():
        task.result()
    async with ClientSession() as session:
        try:
            yield RunningPod(pod, ports[0], stop, task, session)
        finally:
            stop.set()
            await task
