"""A pod of its own process on a real Redis, each of which a test may take away and bring back.

Real senders are tested against it: `Stack.kill_pod` is what the kernel's OOM killer does,
`Stack.redis_away` is a Redis that restarts with its data. `Stack.samples` and `Stack.totals` say
what Redis holds in the end, whoever lived meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from anomaly_dataplane.contract.config import PipelineConfig, parse
from anomaly_dataplane.contract.runtime import PATH_METRICS, PATH_READYZ
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.series import Series
from anomaly_dataplane.store import Totals
from anomaly_dataplane.store.connect import connect
from blocks import samples_in
from exposition import metric_in
from polling import PATIENCE, eventually
from redis_server import RedisServer, free_port, redis_server

OUTAGE_SECONDS = 10.0
"""How long a test of a real sender takes Redis away."""


@dataclass
class PodProcess:
    """`anomaly-dataplane run` on ports of its own, which stay the same from start to start.

    Attributes:
        environ: settings beside the ports, by their variable.
        log: where its output goes.
    """

    document: Path
    log: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    admin_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, ready: bool = True) -> None:
        """Start it and, unless told not to, wait until it says that it is ready."""
        argv = [sys.executable, "-m", "anomaly_dataplane", "run", "--config", str(self.document)]
        ports = ["--http-port", str(self.port), "--admin-port", str(self.admin_port)]
        environ = {"ANOMALY_DRAIN_SECONDS": "0", "ANOMALY_LOG_FORMAT": "text", **self.environ}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*argv, "--bind", "127.0.0.1", *ports],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environ},
            )
        if ready:
            eventually(f"the pod is ready, see {self.log}", self._ready, pause=0.1)

    def kill(self) -> None:
        """End it as the OOM killer does: at once, whatever it is at."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """End it as Kubernetes does; returns its exit code."""
        return self._end(signal.SIGTERM)

    def said(self) -> str:
        """What it has logged so far, over all its lives."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def metric(self, name: str, **labels: str) -> float:
        """The sum of its own metric over all series with these labels; 0 if there is none."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{PATH_METRICS}") as answer:
            text = answer.read().decode()
        return metric_in(text, name, **labels)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"the pod ended: {self.said()[-2000:]}")
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            url = f"http://127.0.0.1:{self.admin_port}{PATH_READYZ}"
            with urllib.request.urlopen(url, timeout=20) as answer:
                return bool(answer.status == 200)
        return False


@dataclass
class Stack:
    """One pod and its Redis."""

    config: PipelineConfig
    redis: RedisServer
    pod: PodProcess
    others: list[PodProcess] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.pod.url

    def another_pod(self, name: str) -> PodProcess:
        """A second pod of the pipeline, not yet started; it is ended with the first."""
        environ = {**self.pod.environ, "ANOMALY_POD_NAME": name}
        pod = PodProcess(self.pod.document, self.pod.log.with_name(f"{name}.log"), environ)
        self.others.append(pod)
        return pod

    def kill_pod(self, *, away: float = 0.0) -> None:
        """Kill the pod and start it again on the same port after so many seconds."""
        self.pod.kill()
        time.sleep(away)
        self.pod.start()

    def restart_pod(self) -> None:
        """Stop the pod as Kubernetes does, and start it again on the same port."""
        self.pod.terminate()
        self.pod.start()

    def redis_away(self, seconds: float = OUTAGE_SECONDS) -> None:
        """Kill Redis and start it again, with its data, after so many seconds."""
        with self.without_redis():
            time.sleep(seconds)

    @contextmanager
    def without_redis(self) -> Iterator[None]:
        """Take Redis away while the body runs."""
        self.redis.stop()
        try:
            yield
        finally:
            self.redis.start()

    @contextmanager
    def full_buffer(self, token: str = "") -> Iterator[None]:
        """Make Redis hang, and let a crowd fill the pod's buffer, while the body runs."""
        assert self.redis.process is not None
        over = threading.Event()
        crowd = [threading.Thread(target=self._crowd, args=(n, over, token)) for n in range(4)]
        self.redis.process.send_signal(signal.SIGSTOP)
        try:
            for each in crowd:
                each.start()
            yield
        finally:
            over.set()
            self.redis.process.send_signal(signal.SIGCONT)
            for each in crowd:
                each.join()

    def crowd(self) -> list[Series]:
        """The series of those who fill the buffer."""
        return [Series("crowd", {"n": str(n)}, self.config.redis.partitions) for n in range(4)]

    def _crowd(self, number: int, over: threading.Event, token: str) -> None:
        """Send the same large request again and again: committed once, the rest are repeats."""
        size = self.config.buffer.max_samples * 2 // 5
        samples = [
            {"metric": "crowd", "labels": {"n": str(number)}, "value": 1, "timestamp": 1.7e9 + i}
            for i in range(size)
        ]
        body = json.dumps(samples).encode()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"{self.url}/api/v1/ingest", body, headers)
        while not over.is_set():
            with contextlib.suppress(OSError):
                urllib.request.urlopen(request, timeout=20).close()

    def totals(self) -> Totals:
        """What Redis has counted, each sample once, however often it was sent."""

        async def ask() -> Totals:
            store = connect(self.config, Unobserved(), username=None, password=None)
            try:
                return await store.totals()
            finally:
                await store.aclose()

        return asyncio.run(ask())

    def samples(self, metric: str, **labels: str) -> dict[float, float]:
        """The newest samples of a series that Redis holds, as many as its window: time -> value."""
        series = Series(metric, labels, self.config.redis.partitions)
        return self.samples_of([series])[series.name]

    def samples_of(self, series: list[Series]) -> dict[str, dict[float, float]]:
        """The same for several, by their names; a series that Redis does not know has none."""

        async def ask() -> list[bytes | None]:
            store = connect(self.config, Unobserved(), username=None, password=None)
            try:
                return [(await store.read(one.partition, [one]))[0] for one in series]
            finally:
                await store.aclose()

        blocks = asyncio.run(ask())
        return {one.name: self._ring(block) for one, block in zip(series, blocks, strict=True)}

    def _ring(self, stored: bytes | None) -> dict[float, float]:
        if stored is None:
            return {}
        detection = self.config.detection
        method = METHODS[detection.method]
        layout = method.layout(detection.window)
        return dict(zip(*samples_in(stored, layout, method), strict=True))


@contextmanager
def a_stack(
    folder: Path, environ: Mapping[str, str] | None = None, **groups: object
) -> Iterator[Stack]:
    """Run a pod and its Redis; ends both whatever happens.

    Args:
        folder: for the config document and the pod's log.
        environ: settings of the pod, by their variable.
        groups: of the config document, as the CR writes them; `redis` is added to.
    """
    with redis_server() as server:
        raw = {
            "pipeline": {"namespace": "tests", "name": "outages", "uid": "outages"},
            **groups,
            "redis": {**_group(groups, "redis"), "urls": [server.url]},
        }
        document = folder / "pipeline.json"
        document.write_text(json.dumps(raw))
        pod = PodProcess(document, folder / "pod.log", environ or {})
        stack = Stack(parse(raw), server, pod)
        try:
            pod.start()
            yield stack
        finally:
            for each in (pod, *stack.others):
                if each.process is not None:
                    each.kill()


def _group(groups: Mapping[str, object], name: str) -> Mapping[str, object]:
    group = groups.get(name, {})
    assert isinstance(group, Mapping)
    return group
