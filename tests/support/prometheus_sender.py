"""A real Prometheus that scrapes every second and writes all of it to a pod.

What it has scraped is asked of its own database, so that a test can say what must have arrived.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.paths import Cache
from devcluster.senders import PROMETHEUS
from polling import eventually
from redis_server import free_port

Samples = dict[float, float]
"""By time in Unix milliseconds."""

PAGE = Path(__file__).parents[2] / "docs" / "protocols.md"
V2 = "io.prometheus.write.v2.Request"
_RANGE = "1h"


@dataclass
class Prometheus:
    """One Prometheus that runs."""

    folder: Path
    config: dict[str, Any]
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop_scraping(self) -> None:
        """Have it scrape nothing more, and go on to send what it has."""
        self.config["scrape_configs"] = []
        _write(self.folder, self.config)
        urllib.request.urlopen(f"{self.url}/-/reload", data=b"", timeout=20).close()

    def scraped(self) -> dict[tuple[tuple[str, str], ...], Samples]:
        """All samples of its database that have a value, by series."""
        query = urllib.parse.urlencode({"query": f'{{__name__=~".+"}}[{_RANGE}]'})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{query}", timeout=30) as answer:
            result = json.load(answer)["data"]["result"]
        return {
            tuple(sorted(series["metric"].items())): {
                round(at * 1000): value
                for at, text in series["values"]
                if math.isfinite(value := float(text))
            }
            for series in result
        }

    def metric(self, name: str, *, may_lack: bool = False) -> float:
        """The sum of a metric of its own over all its series, which may be none if it counts so."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=20) as answer:
            text = answer.read().decode()
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        assert found or may_lack, f"Prometheus has no metric {name}"
        return sum(map(float, found))

    def refused(self) -> float:
        """Samples that it knows to be lost."""
        prefix = "prometheus_remote_storage_samples_"
        dropped = self.metric(f"{prefix}dropped_total", may_lack=True)
        return self.metric(f"{prefix}failed_total") + dropped

    def said(self) -> str:
        """What it has logged."""
        return (self.folder / "prometheus.log").read_text(errors="replace")

    def ready(self) -> bool:
        assert self.process.poll() is None, f"Prometheus ended: {self.said()[-2000:]}"
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def remote_write(url: str, version: str) -> dict[str, Any]:
    """The `remote_write` of docs/protocols.md for a pod; all metrics are sent."""
    snippet = re.search(r"```yaml\n(# prometheus\.yml\n.*?)```", PAGE.read_text(), re.DOTALL)
    assert snippet is not None
    (entry,) = yaml.safe_load(snippet[1])["remote_write"]
    assert entry["protobuf_message"] == V2
    del entry["write_relabel_configs"]
    if version == "1.0":
        del entry["protobuf_message"]
    entry["url"] = url + "/" + entry["url"].partition("/default/boiler-room/")[2]
    return {**entry, "name": "pipeline"}


@contextmanager
def a_prometheus(
    folder: Path,
    remote_write: Mapping[str, Any],
    targets: Mapping[str, int],
    *features: str,
    itself: bool = True,
) -> Iterator[Prometheus]:
    """Run one that scrapes these ports of the machine, by job, and unless told not to itself."""
    program = PROMETHEUS.program(Cache.from_environment())
    if not program.exists():
        pytest.fail(f"there is no Prometheus at {program}; `make senders` builds it (minutes)")
    port = free_port()
    jobs = {**targets, "prometheus": port} if itself else targets
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
            for job, target in jobs.items()
        ],
        "remote_write": [dict(remote_write)],
    }
    _write(folder, config)
    argv = [
        str(program),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
        *(f"--enable-feature={feature}" for feature in features),
    ]
    with (folder / "prometheus.log").open("ab") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT)
    prometheus = Prometheus(folder, config, port, process)
    try:
        eventually("Prometheus is ready", prometheus.ready, within=60)
        yield prometheus
    finally:
        process.terminate()
        process.wait(60)


def settled(prometheus: Prometheus, seconds: float = 3.0) -> None:
    """Wait until it has nothing left to send."""
    name = "prometheus_remote_storage_samples_pending"
    eventually("all is sent", lambda: prometheus.metric(name) == 0, within=90)
    time.sleep(seconds)  # what its watcher had not read yet from its log
    eventually("all is sent", lambda: prometheus.metric(name) == 0, within=90)


def _write(folder: Path, config: Mapping[str, Any]) -> None:
    (folder / "prometheus.yml").write_text(yaml.safe_dump(dict(config)))
