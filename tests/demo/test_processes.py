"""Processes of the demo's own end with it, at whatever moment Ctrl-C comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from demo.processes import last_words, running

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def sleepers() -> list[psutil.Process]:
    """The processes that these tests have started and that still run."""
    return [child for child in psutil.Process().children() if "time.sleep(60)" in child.cmdline()]


def test_ctrl_c_while_a_process_starts_still_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interrupt waits until the process is in hand."""
    start = subprocess.Popen

    def interrupted(*arguments: Any, **options: Any) -> Any:
        process = start(*arguments, **options)
        os.kill(os.getpid(), signal.SIGINT)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt), running(SLEEPER):
        pytest.fail("the interrupt was lost")

    assert sleepers() == []


def test_ctrl_c_while_a_process_stops_waits_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The impatient press it twice."""
    terminate = subprocess.Popen.terminate

    def interrupted(process: subprocess.Popen[bytes]) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        terminate(process)

    monkeypatch.setattr(subprocess.Popen, "terminate", interrupted)
    with pytest.raises(KeyboardInterrupt), running(SLEEPER):
        assert len(sleepers()) == 1

    assert sleepers() == []


def test_signals_are_handled_as_before_once_a_process_runs() -> None:
    """Starting processes changes nothing for others."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    with running(SLEEPER):
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_the_end_of_a_log_explains_a_failed_start(tmp_path: Path) -> None:
    """Only the last lines; an empty log is said to be empty."""
    log = tmp_path / "dataplane.log"
    assert last_words(log) == "(it said nothing)"

    log.write_text("\n".join(str(line) for line in range(20)))
    assert last_words(log, lines=2) == "18\n19"
