"""Processes that outlive this command, and the certainty of stopping only our own.

A pid alone proves nothing after a crash: the file beside it also keeps the boot, the start time
and the program, and only a process that matches all of them is ours.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from devcluster.errors import DevClusterError

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a process itself and no later one with the same pid."""

    pid: int
    boot: str
    start_ticks: int
    program: str

    def is_alive(self, proc: Path = _PROC) -> bool:
        """Tell whether exactly this process still runs."""
        return identify(self.pid, proc) == self


def identify(pid: int, proc: Path = _PROC) -> Identity | None:
    """Return the identity of a running process, or None if there is none (zombies are none)."""
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text().strip()
        # The name in brackets may hold spaces, so count the fields after it.
        fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        program = os.readlink(proc / str(pid) / "exe").removesuffix(" (deleted)")
    except OSError:
        return None
    if fields[0] in {"Z", "X"}:
        return None
    return Identity(pid=pid, boot=boot, start_ticks=int(fields[19]), program=program)


@dataclass(frozen=True, slots=True)
class Daemon:
    """A long-running program with its identity file and log."""

    name: str
    argv: tuple[str, ...]
    identity_file: Path
    log: Path
    environment: Mapping[str, str] | None = None
    settle_seconds: float = 0.1
    """Whoever ends within them never came up."""

    def identity(self) -> Identity | None:
        """Return the recorded identity, whether or not it still runs."""
        try:
            return Identity(**json.loads(self.identity_file.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def is_running(self) -> bool:
        """Tell whether the process we started still runs."""
        known = self.identity()
        return known is not None and known.is_alive()

    def start(self) -> None:
        """Start the program unless it runs, in a session of its own, and record who it is."""
        if self.is_running():
            return
        self.identity_file.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **(self.environment or {})}
        with self.log.open("a") as out:
            child = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment,
                cwd="/",
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(self.settle_seconds)
        known = identify(child.pid)
        if child.returncode is not None or known is None:
            raise DevClusterError(f"{self.name} ended at once: see {self.log}")
        self.identity_file.write_text(json.dumps(asdict(known)))
        child.returncode = 0  # It outlives this object, which would otherwise complain.

    def stop(self, patience: float = 15) -> None:
        """Stop the process we started, gently first; leave any other process alone."""
        known = self.identity()
        if known is not None:
            end(known, patience)
        self.identity_file.unlink(missing_ok=True)


def end(known: Identity, patience: float = 15) -> None:
    """End a process: a polite signal, then, when patience is out, the final one."""
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 60.0)):
        deadline = time.monotonic() + seconds
        if not _send(known, number):
            return
        while time.monotonic() < deadline:
            _reap(known.pid)
            if not known.is_alive():
                return
            time.sleep(0.05)
    raise DevClusterError(f"process {known.pid} ({known.program}) does not end")


def _send(known: Identity, number: int) -> bool:
    if not known.is_alive():
        return False
    try:
        os.kill(known.pid, number)
    except ProcessLookupError:
        return False
    return True


def _reap(pid: int) -> None:
    """Collect the child if it is one of this very process."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def running_programs(folder: Path, *named: Path) -> Sequence[Identity]:
    """Return the processes whose program lies in a folder: what a lost identity file leaves.

    Only those with something below one of the paths `named` among their arguments, where any are:
    tests run the same programs.
    """
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            known = identify(int(entry.name))
            if (
                known is not None
                and Path(known.program).is_relative_to(folder)
                and (not named or _names(entry, named))
            ):
                found.append(known)
    return found


def _names(process: Path, paths: Sequence[Path]) -> bool:
    try:
        command = (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False
    return any(f"{path}/" in command for path in paths)
