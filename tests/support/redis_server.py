"""Real Redis servers for tests: started on free loopback ports, stopped with the test session."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import random
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PORTS = (12000, 22000)
_RESERVED = Path(tempfile.gettempdir()) / f"anomaly-test-ports-{os.getuid()}"
START_SECONDS = 120.0
"""Within which any server of the tests has started, however busy the machine is."""
PASSWORD = "correct horse"  # of a server that lives as long as a test


def executable(*names: str) -> str:
    """The first of these programs on this machine; a test that needs it fails without."""
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    raise RuntimeError(f"none of {names} is installed: 'make test' does it, or apt-get install")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no other test gets while we run.

    So a server may go and come back on its port, and a port on which nobody listens stays so,
    whatever other test processes start meanwhile. Drawn below the ports that the kernel gives to
    outgoing connections; a Cluster's bus (+10000) is below them, too.
    """
    while True:
        port = random.SystemRandom().randrange(*_PORTS)
        if not _reserve(port):
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


@functools.cache
def _given() -> tuple[int, set[int]]:
    """The file whose bytes stand for ports, open as long as this process lives; and our ports."""
    return os.open(_RESERVED, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), set()


def _reserve(port: int) -> bool:
    """Lock a port's byte, unless we or another process have; the kernel unlocks what ended."""
    file, ours = _given()
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    if port in ours:  # a process never stands in its own way
        return False
    ours.add(port)
    return True


@dataclass
class RedisServer:
    """One redis-server process of ours; with `tls`, a Secret's folder, it speaks nothing else."""

    port: int
    folder: Path
    options: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    tls: Path | None = None

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until it answers."""
        self.process = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if self._answers():
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"redis on {self.port} did not start: {self.log()}")

    def stop(self) -> None:
        """Kill it, as a crash would; the append-only file stays."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _command(self) -> list[str]:
        return [
            executable("redis-server", "valkey-server"),
            *("--bind", "127.0.0.1", "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "yes", "--logfile", "redis.log"),
            # What is written survives a killed process; only a machine would need the disk, which
            # may be slow. With `everysec` what waits for the disk is not even written.
            *("--appendfsync", "no"),
            *self.port_options(),
            *self.options,
        ]

    def port_options(self) -> list[str]:
        if self.tls is None:
            return ["--port", str(self.port)]
        return [
            *("--port", "0", "--tls-port", str(self.port), "--tls-replication", "yes"),
            *("--tls-ca-cert-file", str(self.tls / "ca.crt")),
            *("--tls-cert-file", str(self.tls / "tls.crt")),
            *("--tls-key-file", str(self.tls / "tls.key")),
        ]

    def _answers(self) -> bool:
        with contextlib.ExitStack() as stack:
            link: socket.socket = stack.enter_context(
                socket.create_connection(("127.0.0.1", self.port), timeout=1)
            )
            if self.tls is not None:
                context = ssl.create_default_context(cafile=self.tls / "ca.crt")
                context.load_cert_chain(self.tls / "tls.crt", self.tls / "tls.key")
                context.check_hostname = False
                link = stack.enter_context(context.wrap_socket(link))
            link.sendall(b"PING\r\n")
            return link.recv(64).startswith((b"+PONG", b"-NOAUTH"))

    def log(self) -> str:
        path = self.folder / "redis.log"
        return path.read_text() if path.exists() else ""


@contextmanager
def redis_server(*options: str, tls: Path | None = None) -> Iterator[RedisServer]:
    """A Redis with an append-only file and these further options."""
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(free_port(), Path(folder), options, tls=tls)
        server.start()
        try:
            yield server
        finally:
            server.stop()
