"""The pipeline as one process of this machine, with exactly the config that its pod would get."""

from __future__ import annotations

import http.client
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from anomaly_dataplane.contract import runtime
from demo.console import Console
from demo.errors import DemoError
from demo.processes import Process, free_port, last_words, running
from demo.target import EXAMPLE, ROOT, Target, store
from demo.target.render import render

_START_SECONDS = 60.0
_PORT_TO_SUGGEST = 18088


@contextmanager
def pipeline(port: int, redis_url: str, console: Console) -> Iterator[Target]:
    """Render the example, start what it needs, and stop all of it at the end.

    Args:
        port: of ingest and queries; 0 for a free one.
        redis_url: host:port of a Redis to use, or empty.
        console: is told each step.
    """
    console.title("AnomalyPipeline demo: one data-plane process, no cluster")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="anomaly-demo-")))
        rendered = render(EXAMPLE)
        document = folder / runtime.CONFIG_FILE
        document.write_text(rendered.text, encoding="utf-8")
        console.step("Pipeline", f"{EXAMPLE.relative_to(ROOT)}: {rendered.in_words}")
        uid = rendered.config.pipeline.uid
        where = _store(stack, redis_url, uid, folder, console)
        port = port or free_port()
        process = _start(stack, document, where, port, folder / "dataplane.log")
        url = f"http://127.0.0.1:{port}{rendered.config.base_path}"
        console.step("Data plane", f"anomaly-dataplane run, pid {process.pid}, {url}")
        yield Target(url, _farewell(rendered.config.base_path))


def _store(stack: ExitStack, redis_url: str, uid: str, folder: Path, console: Console) -> list[str]:
    """Make the store ready; returns the data plane's flags for it."""
    chosen = store.choose(redis_url, store.server_version, store.program_version)
    console.step("State in", chosen.why)
    match chosen:
        case store.Given(address=address):
            stack.callback(store.forget, address, uid)
        case store.Private(program=program):
            address = stack.enter_context(store.private_server(program, folder))
        case store.InProcess():
            return ["--store", "memory"]
    return ["--store", "redis", "--redis", address]


def _start(stack: ExitStack, document: Path, where: list[str], port: int, log: Path) -> Process:
    """Start the data plane and wait until it is ready."""
    admin_port = free_port()
    argv = [sys.executable, "-m", "anomaly_dataplane", "run", "--config", str(document), *where]
    ports = ["--bind", "127.0.0.1", "--http-port", str(port), "--admin-port", str(admin_port)]
    # No Service has to notice that it leaves, so it need not linger.
    env = {runtime.ENV_DRAIN_SECONDS: "0", runtime.ENV_LOG_FORMAT: "text"}
    process = stack.enter_context(running([*argv, *ports], log=log, env=env))
    give_up = time.monotonic() + _START_SECONDS
    while not _ready(admin_port):
        if process.poll() is not None:
            raise DemoError(f"the data plane did not start:\n{last_words(log)}")
        if time.monotonic() > give_up:
            raise DemoError(
                f"the data plane was not ready within {_START_SECONDS:.0f} s; is this machine"
                f" very busy? Its last words:\n{last_words(log)}"
            )
        time.sleep(0.1)
    return process


def _ready(admin_port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", admin_port, timeout=2)
    try:
        connection.request("GET", runtime.PATH_READYZ)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _farewell(base_path: str) -> Callable[[Console], None]:
    again = f"{_python()} -m demo --keep --port {_PORT_TO_SUGGEST}"
    page = f"http://127.0.0.1:{_PORT_TO_SUGGEST}{base_path}/"
    question = f"http://127.0.0.1:{_PORT_TO_SUGGEST}{base_path}{runtime.PATH_ANOMALIES}?limit=5"

    def say(console: Console) -> None:
        console.note(
            "\nWhat to try next:\n"
            f"  {again}\n"
            "    goes on with live readings; meanwhile open the live page, or ask:\n"
            f"    {page}\n"
            f"    curl -s '{question}'\n"
            "  make cluster && make demo CLUSTER=local\n"
            "    the same through the operator, the ingress and Redis of a real Kubernetes\n"
            "  less README.md\n"
            "    what a pipeline can do, and how to install the operator"
        )

    return say


def _python() -> str:
    path = Path(sys.executable)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
