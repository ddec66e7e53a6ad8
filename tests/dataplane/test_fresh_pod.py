"""What a pod that serves JSON and is scraped does not import: each of these costs memory."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from importlib.metadata import version

import pytest

from anomaly_dataplane.contract.runtime import RELEASE

UNWANTED = (
    "_hashlib",  # OpenSSL
    "_ssl",
    "ssl",
    "aiohttp.client",  # for receivers of alerts
    "aiohttp.connector",
    "anomaly_dataplane.backtest.command",
    "anomaly_dataplane.mqtt",
    "anomaly_dataplane.openapi.document",
    "frozenlist._frozenlist",  # the library of C++
    "cramjam",  # for remote write
    "google.protobuf",  # for remote write and OTLP
    "http.server",
    "importlib.metadata",
    "paho",
    "prometheus_client.exposition",
    "redis",
    "socketserver",
    "wsgiref",
    "yaml",
    "zipfile",
)

POD = """
import json, sys
from anomaly_dataplane.__main__ import main
code = main(sys.argv[1:])
print(json.dumps(sorted(name for name, module in sys.modules.items() if module)))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """All that was imported by a pod that took a sample, was asked for metrics, and stopped."""
    path = tmp_path_factory.mktemp("pod") / "pipeline.json"
    path.write_text("{}")
    command = [sys.executable, "-c", POD, "run", "--store", "memory", "--config", str(path)]
    command += ["--bind", "127.0.0.1", "--http-port", "0", "--admin-port", "0"]
    environ = {**os.environ, "ANOMALY_DRAIN_SECONDS": "0"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        ports = re.search(r"port (\d+), .* port (\d+),", process.stderr.readline())
        assert ports is not None
        for url, body in (
            (f"http://127.0.0.1:{ports[1]}/api/v1/ingest", b'{"metric":"m","value":1}'),
            (f"http://127.0.0.1:{ports[1]}/api/v1/stats", None),
            (f"http://127.0.0.1:{ports[2]}/readyz", None),
            (f"http://127.0.0.1:{ports[2]}/metrics", None),
        ):
            with urllib.request.urlopen(url, body) as answer:
                assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        found, _ = process.communicate(timeout=150)
        assert process.returncode == 0
    imported: list[str] = json.loads(found)
    return imported


@pytest.mark.parametrize("name", UNWANTED)
def test_a_fresh_pod_does_not_import(name: str, modules: list[str]) -> None:
    """Neither it nor anything below it."""
    assert not [each for each in modules if each == name or each.startswith(f"{name}.")]


def test_the_release_is_that_of_the_package() -> None:
    """It is a constant so that nobody has to ask for it."""
    assert version("anomaly-dataplane") == version("anomaly-operator") == RELEASE
