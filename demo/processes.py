"""Processes of the demo's own: started apart from the terminal, stopped by their pid, always."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Self

_GRACE_SECONDS = 5.0

Process = subprocess.Popen[bytes]


@contextmanager
def running(
    argv: Sequence[str], *, log: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run a program while the body runs; its output goes to `log`.

    A session of its own keeps the terminal's Ctrl-C from it: the demo stops it in its own order.
    """
    with (log or Path(os.devnull)).open("ab") as output, _Deferred() as deferred:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        try:
            deferred.end()
            yield process
        finally:
            with _Deferred() as impatience:
                stop(process)
                impatience.end()


class _Deferred:
    """Keeps Ctrl-C and SIGTERM waiting until `end`, which is where they raise KeyboardInterrupt.

    Else one of them in the midst of starting or stopping a process would leave it running.
    """

    def __init__(self) -> None:
        self._came = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def end(self) -> None:
        """Let signals through again, first of all the one that came meanwhile."""
        self._restore()
        if self._came:
            raise KeyboardInterrupt

    def _note(self, _: int, __: FrameType | None) -> None:
        self._came = True

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())


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
