"""The command line, as a process of its own where that matters."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from anomaly_dataplane.__main__ import main
from anomaly_dataplane.run import EXIT_INVALID


def config(folder: Path, document: object) -> str:
    path = folder / "pipeline.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return str(path)


@pytest.mark.parametrize(
    ("document", "flags", "errors"),
    [
        ("{", ["--store", "memory"], ["pipeline.json: is not JSON"]),
        (
            {"buffer": {"maxSamples": 1}, "detection": {"window": "x"}, "what": 1},
            ["--store", "memory"],
            ["buffer.maxSamples: must be", "detection.window: must be", "what: unknown field"],
        ),
        ({}, [], ["redis.urls: must name a server"]),
        ({}, ["--store", "disk", "--http-port", "x"], ["--store: must be", "--http-port: must be"]),
    ],
)
def test_bad_settings_and_configs_end_with_every_error_and_no_traceback(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    document: object,
    flags: list[str],
    errors: list[str],
) -> None:
    """One look at the log must be enough."""
    assert main(["run", "--config", config(tmp_path, document), *flags]) == EXIT_INVALID
    shown = capsys.readouterr().err
    assert all(error in shown for error in errors)
    assert shown.count("error: ") == len(errors)
    assert "Traceback" not in shown


def test_a_missing_config_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its path."""
    path = str(tmp_path / "absent.json")
    assert main(["run", "--config", path]) == EXIT_INVALID
    assert f"{path}: cannot be read: No such file" in capsys.readouterr().err


def test_help_names_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    """It is the reference that is always at hand."""
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    shown = capsys.readouterr().out
    assert "ANOMALY_DRAIN_SECONDS" in shown
    assert "--store" in shown


def test_the_process_serves_until_sigterm(tmp_path: Path) -> None:
    """Real process, real signal: it answers, drains and exits with 0."""
    command = [sys.executable, "-m", "anomaly_dataplane", "run", "--store", "memory"]
    command += ["--config", config(tmp_path, {}), "--bind", "127.0.0.1"]
    command += ["--http-port", "0", "--admin-port", "0"]
    environ = {**os.environ, "ANOMALY_DRAIN_SECONDS": "0"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stderr is not None
        started = json.loads(process.stderr.readline())
        ports = re.search(r"port (\d+), .* port (\d+),", started["message"])
        assert ports is not None
        url = f"http://127.0.0.1:{ports[1]}/api/v1/ingest"
        with urllib.request.urlopen(url, b'{"metric":"m","value":1}') as answer:
            assert json.load(answer)["accepted"] == 1
        process.send_signal(signal.SIGTERM)
        log = [json.loads(line)["message"] for line in process.stderr]
        assert process.wait(150) == 0
    assert log[-1] == "stopped"


def test_a_port_in_use_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback for what is no defect."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        flags = ["--store", "memory", "--bind", "127.0.0.1", "--admin-port", port]
        assert main(["run", "--config", config(tmp_path, {}), *flags]) == 1
    assert "error: cannot listen: " in capsys.readouterr().err
