"""Processes of the demo's own: started apart from the terminal, stopped by their pid, always."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_GRACE_SECONDS = 5.0

Process = subprocess.Popen[bytes]


@contextmanager
def running(
    argv: Sequence[str], *, log: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run a program while the body runs; its output goes to `log`.

    A session of its own keeps the terminal's Ctrl-C from it: the demo stops it in its own order.
    """
    with (log or Path(os.devnull)).open("ab") as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: Process) -> None:
    """Ask a process to end, and end it if it does not."""
    process.terminate()
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def last_words(log: Path, lines: int = 8) -> str:
    """The end of a log, for an error message."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.strip().splitlines()[-lines:]) or "(it said nothing)"
