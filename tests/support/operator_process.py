"""The operator as a process of its own, against the API server of a test."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from polling import PATIENCE, eventually
from redis_server import free_port


@dataclass(slots=True)
class OperatorProcess:
    """One `anomaly-operator run`."""

    kubeconfig: Path
    log: Path
    settings: dict[str, str]
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until its watches are up."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "anomaly_operator", "run"],
                stdout=log,
                stderr=log,
                env=self.environment(),
            )
        if wait:
            self.wait_ready()

    def environment(self) -> dict[str, str]:
        """What it is told; nothing of what this process was told."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ANOMALY_OPERATOR_", "KUBERNETES_"))
        }
        told = {f"ANOMALY_OPERATOR_{key.upper()}": text for key, text in self.settings.items()}
        return {
            **inherited,
            **told,
            "KUBECONFIG": str(self.kubeconfig),
            "ANOMALY_OPERATOR_HTTP_PORT": str(self.port),
            "ANOMALY_OPERATOR_BIND": "127.0.0.1",
        }

    def wait_ready(self, within: float = PATIENCE) -> None:
        """Wait for /readyz."""

        def up() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"the operator has ended: {self.tail()}"
            return self.get("/readyz")[0] == 200

        eventually("the operator is ready", up, within=within, pause=0.1)

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages; 0 where it does not answer."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}{path}", timeout=30
            ) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return int(error.code), error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str, /, **labels: str) -> float:
        """The sum of a metric's series that carry these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            float(line.rpartition(" ")[2])
            for line in self.get("/metrics")[1].splitlines()
            if line.partition(" ")[0].partition("{")[0] == name
            and all(each in line for each in wanted)
        )

    def resident_mib(self) -> float:
        """Its resident memory."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(each for each in status.splitlines() if each.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def cpu_seconds(self) -> float:
        """What it has used of the CPU."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def tail(self) -> str:
        return self.log.read_text()[-3000:]

    def keep_running(self) -> bool:
        """Start it again if it has ended, as a kubelet does; always true."""
        assert self.process is not None
        if self.process.poll() is not None:
            assert self.process.returncode != 0
            self.start(wait=False)
        return True

    def kill(self) -> None:
        """End it as a crash would."""
        process = self.process
        if process is not None:
            process.kill()
            process.wait()
            if self.process is process:  # two threads may do this at once
                self.process = None

    def stop(self) -> int:
        """End it as a kubelet would; returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(timeout=60)
        finally:
            self.kill()


@contextmanager
def operator(
    kubeconfig: Path, folder: Path, *, name: str = "operator", **settings: str
) -> Iterator[OperatorProcess]:
    """An operator, ready; killed at the end."""
    process = OperatorProcess(kubeconfig, folder / f"{name}.log", settings, free_port())
    try:
        process.start()
        yield process
    finally:
        process.kill()
