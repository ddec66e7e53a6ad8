"""Real Redis servers for tests: started on free loopback ports, stopped with the test session."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

PASSWORD = "correct horse"  # of a server that lives as long as a test


def executable(*names: str) -> str:
    """The first of these programs on this machine; a test that needs it fails without."""
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    raise RuntimeError(f"none of {names} is installed: 'make test' does it, or apt-get install")


def free_port() -> int:
    """A port nobody listens on, low enough that a Cluster's bus port (+10000) exists too."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port < 55000:
            return port


@dataclass
class RedisServer:
    """One redis-server process of ours."""

    port: int
    folder: Path
    options: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until it answers."""
        command = [
            executable("redis-server", "valkey-server"),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "yes", "--logfile", "redis.log"),
            *self.options,
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as link:
                    link.sendall(b"PING\r\n")
                    if link.recv(64).startswith((b"+PONG", b"-NOAUTH")):
                        return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"redis on {self.port} did not start: {self.log()}")

    def stop(self) -> None:
        """Kill it, as a crash would; the append-only file stays."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def log(self) -> str:
        path = self.folder / "redis.log"
        return path.read_text() if path.exists() else ""


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """A Redis with an append-only file and these further options."""
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(free_port(), Path(folder), options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def redis_cluster(primaries: int = 3) -> Iterator[list[RedisServer]]:
    """A Redis Cluster of so many primaries, all slots served."""
    with tempfile.TemporaryDirectory() as folder:
        servers = []
        for i in range(primaries):
            home = Path(folder) / str(i)
            home.mkdir()
            server = RedisServer(free_port(), home, ("--cluster-enabled", "yes"))
            server.start()
            servers.append(server)
        try:
            addresses = [server.url for server in servers]
            cli = executable("redis-cli", "valkey-cli")
            command = [cli, "--cluster", "create", *addresses, "--cluster-yes"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            for server in servers:
                _wait_for_cluster(server)
            yield servers
        finally:
            for server in servers:
                server.stop()


def _wait_for_cluster(server: RedisServer) -> None:
    deadline = time.monotonic() + 20
    with redis.Redis(port=server.port) as client:
        while time.monotonic() < deadline:
            if client.execute_command("CLUSTER INFO")["cluster_state"] == "ok":
                return
            time.sleep(0.05)
    raise RuntimeError("the cluster did not form")
