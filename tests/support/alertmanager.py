"""A real Alertmanager for tests: started on free loopback ports, ended by its process id."""

from __future__ import annotations

import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis_server import START_SECONDS, executable, free_port

_CONFIG = """\
route:
  receiver: nobody
  group_wait: 1s
  group_interval: 1s
receivers:
  - name: nobody
"""


@dataclass
class Alertmanager:
    """One Alertmanager of ours; it keeps its port from start to start, as its Service would."""

    folder: Path
    port: int
    web: str = ""
    """Of --web.config.file: TLS and users."""
    ca: str = ""
    login: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.ca else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until it answers."""
        config = self.folder / "alertmanager.yml"
        config.write_text(_CONFIG)
        web = self.folder / "web.yml"
        web.write_text(self.web)
        with (self.folder / "alertmanager.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    executable("prometheus-alertmanager", "alertmanager"),
                    f"--config.file={config}",
                    f"--web.config.file={web}",
                    f"--storage.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                    "--log.level=debug",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self._get("/-/ready")
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"Alertmanager did not start: {self.folder / 'alertmanager.log'}")

    def stop(self) -> None:
        """Kill it, as a crash would; it forgets every alert."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def alerts(self) -> list[dict[str, Any]]:
        """What it takes to be firing now."""
        found: list[dict[str, Any]] = json.loads(self._get("/api/v2/alerts"))
        return found

    def _get(self, path: str) -> bytes:
        request = urllib.request.Request(self.url + path)
        if self.login:
            request.add_header("Authorization", self.login)
        trusted = ssl.create_default_context(cafile=self.ca) if self.ca else None
        with urllib.request.urlopen(request, timeout=30, context=trusted) as answer:
            return bytes(answer.read())


@contextmanager
def alertmanager(
    folder: Path, *, web: str = "", ca: str = "", login: str = ""
) -> Iterator[Alertmanager]:
    """Run one for the length of a test."""
    server = Alertmanager(folder, free_port(), web, ca, login)
    server.start()
    try:
        yield server
    finally:
        server.stop()
