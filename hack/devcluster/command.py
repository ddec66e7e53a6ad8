"""Run other programs: every subprocess of this package that ends by itself goes through here."""

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from devcluster.errors import DevClusterError
from devcluster.screen import say

PAUSES = (5.0, 20.0, 60.0)
"""Before a download is tried again, in seconds."""

_HICCUP = re.compile(
    r"\b50[0234]\b|time.?out|timed out|temporary failure|reset by peer|\bEOF\b|connection refused"
    r"|failed to (fetch|download)|unable to (fetch|connect)|could not (connect|resolve)"
    r"|stream error",
    re.IGNORECASE,
)
"""What Go, apt, uv and pip say of a registry or a network that may be well again soon."""


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    log: Path | None = None,
    timeout: float | None = None,
) -> str:
    """Run a program and return what it printed; raise with its last words if it fails.

    With `log` its output goes to that file instead, for commands that print a lot.
    """
    done = _start(argv, env=env, cwd=cwd, stdin=stdin, log=log, timeout=timeout)
    if done.returncode != 0:
        words = (done.stderr or "") + (done.stdout or "")
        if log is not None:
            words = log.read_text(errors="replace")
        tail = "\n".join(words.strip().splitlines()[-15:])
        shown = " ".join(str(arg) for arg in argv)[:300]
        where = f" (all of it in {log})" if log else ""
        raise DevClusterError(f"`{shown}` failed with exit code {done.returncode}{where}:\n{tail}")
    return done.stdout or ""


def download(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
    timeout: float | None = None,
    pauses: Sequence[float] = PAUSES,
) -> str:
    """Run a program that downloads, and again after each pause while it meets a hiccup."""
    for pause in pauses:
        try:
            return run(argv, env=env, cwd=cwd, log=log, timeout=timeout)
        except DevClusterError as error:
            if not _HICCUP.search(str(error)):
                raise
            say(f"    a download failed; trying again in {pause:g} s: {error}")
            time.sleep(pause)
    return run(argv, env=env, cwd=cwd, log=log, timeout=timeout)


def succeeds(
    argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, timeout: float = 30
) -> bool:
    """Tell whether a program exits with 0 in time; missing programs do not."""
    try:
        return _start(argv, env=env, timeout=timeout).returncode == 0
    except DevClusterError:
        return False


def _start(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    log: Path | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    words = [str(arg) for arg in argv]
    merged = {**os.environ, **(env or {})}
    try:
        if log is not None:
            with log.open("w") as out:
                return subprocess.run(
                    words,
                    env=merged,
                    cwd=cwd,
                    input=stdin,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=timeout,
                    check=False,
                )
        return subprocess.run(
            words,
            env=merged,
            cwd=cwd,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise DevClusterError(f"`{words[0]}` is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise DevClusterError(
            f"`{' '.join(words)[:300]}` took longer than {timeout:.0f} s"
        ) from error
