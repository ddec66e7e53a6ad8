"""The processes under test: Redis, the Go baseline, our pods. All on loopback, all ours to stop."""

from __future__ import annotations

import http.client
import json
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import redis
from demo.processes import Process, free_port, last_words, running

from anomaly_dataplane.contract import runtime
from bench.errors import BenchError
from bench.interpreter import PodPython

_START_SECONDS = 30.0
_PAUSE_SECONDS = 0.02
_HIGHEST_PORT = 55_000
"""A node of a Redis Cluster listens on a second port, 10,000 above its own."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running process: where it listens, and its pid."""

    port: int
    pid: int
    admin_port: int = 0

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    def get(self, path: str) -> str:
        """The body of a GET.

        Raises:
            BenchError: the answer is not 200.
        """
        return _get(self.port, path)

    @property
    def metrics_url(self) -> str:
        """Where a pod's metrics are."""
        return f"http://127.0.0.1:{self.admin_port}{runtime.PATH_METRICS}"


def parse_metrics(text: str) -> dict[str, float]:
    """Prometheus' text format as one sum for each name; `anomaly_pipeline_` is left off."""
    sums: dict[str, float] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            name = name.partition("{")[0].removeprefix("anomaly_pipeline_")
            sums[name] = sums.get(name, 0.0) + float(value)
    return sums


def redis_program() -> str:
    """The Redis that is installed."""
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return path
    raise BenchError("neither redis-server nor valkey-server is here; `make bench` installs one")


@contextmanager
def redis_server(folder: Path, rdb: Path | None = None, *options: str) -> Iterator[Server]:
    """A Redis without persistence, on the data of an RDB file if one is given."""
    folder.mkdir(parents=True, exist_ok=True)
    if rdb is not None:
        shutil.copyfile(rdb, folder / "dump.rdb")
    port, log = _port(), folder / "redis.log"
    argv = [redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    with running([*argv, "--save", "", "--appendonly", "no", *options], log=log) as process:
        _wait("redis-server", process, log, lambda: _redis_answers(port))
        yield Server(port, process.pid)


@contextmanager
def redis_cluster(folder: Path, primaries: int) -> Iterator[list[Server]]:
    """A Redis Cluster without replicas, all slots served."""
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                redis_server(folder / f"node-{i}", None, "--cluster-enabled", "yes")
            )
            for i in range(primaries)
        ]
        client = shutil.which("redis-cli") or shutil.which("valkey-cli")
        if client is None:
            raise BenchError("redis-cli is not here: it makes the Cluster")
        addresses = [node.address for node in nodes]
        argv = [client, "--cluster", "create", *addresses, "--cluster-yes"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"the Cluster could not be made: {done.stdout}{done.stderr}")
        for node in nodes:
            _until("the Cluster to form", partial(_cluster_is_whole, node.port))
        yield nodes


@contextmanager
def pod(
    python: PodPython, folder: Path, document: str, store: Server | None, name: str = "pod"
) -> Iterator[Server]:
    """One process of the data plane, ready.

    Args:
        python: to run it on.
        folder: of its config document and log.
        document: the config document.
        store: the Redis to use instead of the document's.
        name: of the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, log = folder / f"{name}.json", folder / f"{name}.log"
    path.write_text(document, encoding="utf-8")
    port, admin_port = _port(), _port()
    argv = [str(python.program), "-m", "anomaly_dataplane", "run", "--config", str(path)]
    if store is not None:
        argv += ["--redis", store.address]
    ports = ["--bind", "127.0.0.1", "--http-port", str(port), "--admin-port", str(admin_port)]
    env = {
        **python.environment,
        runtime.ENV_DRAIN_SECONDS: "0",
        runtime.ENV_LOG_FORMAT: "text",
    }
    with running([*argv, *ports], log=log, env=env) as process:
        _wait("the data plane", process, log, lambda: _ready(admin_port))
        yield Server(port, process.pid, admin_port)


@contextmanager
def pods(
    python: PodPython, folder: Path, document: str, store: Server | None, count: int
) -> Iterator[list[Server]]:
    """So many pods of one pipeline."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(pod(python, folder, document, store, f"pod-{i}"))
            for i in range(count)
        ]


@contextmanager
def go_peer(
    folder: Path, program: Path, store: Server, mode: str, pipeline: int
) -> Iterator[Server]:
    """The Go baseline."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log = _port(), folder / "gopeer.log"
    argv = [str(program), "-addr", f"127.0.0.1:{port}", "-redis", store.address]
    with running([*argv, "-mode", mode, "-pipeline", str(pipeline)], log=log) as process:
        _wait("the Go baseline", process, log, lambda: _listens(port))
        yield Server(port, process.pid)


def client(server: Server) -> redis.Redis:
    """A client of a Redis of ours."""
    return redis.Redis(port=server.port, socket_timeout=60)


def resident_bytes(pid: int) -> int:
    """Resident memory of a process."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * resource.getpagesize()


def stats(server: Server, path: str) -> dict[str, object]:
    """A JSON object that a service tells about itself."""
    answer: dict[str, object] = json.loads(server.get(path))
    return answer


def _port() -> int:
    while True:
        port = free_port()
        if port < _HIGHEST_PORT:
            return port


def _get(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"GET {path} of port {port}: {error}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise BenchError(f"GET {path} of port {port} answered {answer.status}: {text[:300]}")
    return text


def _ready(admin_port: int) -> bool:
    try:
        _get(admin_port, runtime.PATH_READYZ)
    except BenchError:
        return False
    return True


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _redis_answers(port: int) -> bool:
    # LOADING, while it reads its RDB file, is an error, too.
    try:
        with redis.Redis(port=port, socket_timeout=1) as probe:
            return bool(probe.ping())
    except redis.RedisError:
        return False


def _cluster_is_whole(port: int) -> bool:
    with redis.Redis(port=port, socket_timeout=1) as probe:
        info = probe.execute_command("CLUSTER INFO")
    return bool(info["cluster_state"] == "ok")


def _wait(what: str, process: Process, log: Path, ready: Callable[[], bool]) -> None:
    def has_started() -> bool:
        if process.poll() is not None:
            raise BenchError(f"{what} ended at once:\n{last_words(log)}")
        return ready()

    _until(f"{what} to start (its log: {last_words(log)})", has_started)


def _until(what: str, done: Callable[[], bool]) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while not done():
        if time.monotonic() > give_up:
            raise BenchError(f"waited {_START_SECONDS:.0f} s in vain for {what}")
        time.sleep(_PAUSE_SECONDS)


def pids(pods: Sequence[Server], stores: Sequence[Server]) -> str:
    """Names and pids for the load generator to watch."""
    named = [(f"pod{i}", pod.pid) for i, pod in enumerate(pods)]
    named += [(f"redis{i}", store.pid) for i, store in enumerate(stores)]
    return ",".join(f"{name}={pid}" for name, pid in named)
