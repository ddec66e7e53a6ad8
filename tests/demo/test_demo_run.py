"""The demo as people run it: real processes, real load, real HTTP; and Ctrl-C in its midst."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from demo import burst
from demo.target import ROOT

from polling import PATIENCE, eventually

ENVIRONMENT = {**os.environ, "COLUMNS": "160", "REDIS_URL": "", "PYTHONUNBUFFERED": "1"}


ATTEMPTS = 5
"""Where others load the machine just as much, a run now and then misses the burst, and says so."""


def quick_run(path: Path) -> str:
    """What a quick run prints, where no redis-server can be found."""
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--quick"],
        cwd=ROOT,
        env={**ENVIRONMENT, "PATH": str(path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_quick_run_finds_the_burst_and_tells_the_truth(tmp_path: Path) -> None:
    """On the in-process store: all is sent and taken, and the injected load is an anomaly."""
    for _ in range(ATTEMPTS):
        shown = quick_run(tmp_path)
        if "NOT found" not in shown:
            break

    assert "the data plane's own memory, because no redis-server" in shown
    assert re.search(r"[1-4] of 4 series: .* after \d+\.\d s", shown), shown
    assert "<- the injected burst" in shown
    truth = re.search(r"(\d+) samples sent in (\d+) requests \(\d+ requests/s", shown)
    assert truth is not None, shown
    assert 1268 + 165 * 4 <= int(truth[1]) <= 1268 + 205 * 4
    assert "duplicate" not in shown
    # In WaterFlow its abrupt low of 27 April 2022 is found, whatever the machine does.
    assert re.search(r"2022-04-27 13:00 +91\.30 .* -14\.21", shown), shown


@pytest.mark.redis
def test_ctrl_c_stops_everything_that_was_started() -> None:
    """In the midst of the burst: data plane, Redis and every load process go, by their pids."""
    family: list[psutil.Process] = []

    def burst_has_begun() -> bool:
        assert demo.poll() is None, demo.communicate()[0]
        family[:] = psutil.Process(demo.pid).children(recursive=True)
        return any("demo.load" in _words(child) for child in family)

    with subprocess.Popen(
        [sys.executable, "-m", "demo", "--quick"],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        try:
            eventually("the burst has begun", burst_has_begun, pause=0.05)
            assert any("anomaly_dataplane" in _words(child) for child in family)
            demo.send_signal(signal.SIGINT)
            said, _ = demo.communicate(timeout=PATIENCE)
        finally:
            demo.kill()

    assert demo.returncode == 130
    assert "everything that the demo had started is gone" in said
    assert [child for child in family if child.is_running()] == []


def test_the_load_is_gone_when_its_block_ends() -> None:
    """Nobody has to wait for it, and none is left."""
    mine = psutil.Process()
    before = {child.pid for child in mine.children()}

    with burst.load(30.0):
        started = [child for child in mine.children() if child.pid not in before]
        assert len(started) >= 3

    assert [child for child in started if child.is_running()] == []


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
