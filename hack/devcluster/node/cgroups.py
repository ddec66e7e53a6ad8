"""The node's own control group: the kubelet puts every pod below it, so all in it is ours."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from devcluster.node.layout import CGROUP
from devcluster.processes import identify
from devcluster.screen import wait_for

_MOUNT = Path("/sys/fs/cgroup")


def up() -> None:
    """Make the group in every hierarchy the kubelet looks at."""
    for root in roots():
        root.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            inherited, own = root.parent / name, root / name
            # In version 1 a new cpuset is empty and takes no process until it is filled.
            if inherited.exists() and own.exists() and not own.read_text().strip():
                own.write_text(inherited.read_text())


def down() -> None:
    """End what still runs in the group and remove it."""
    wait_for("the last containers to end", _is_empty_after_killing, 60)
    for root in roots():
        for folder, _, _ in os.walk(root, topdown=False):
            Path(folder).rmdir()


def roots(mount: Path = _MOUNT) -> list[Path]:
    """Return the group's folder in each mounted hierarchy: one in version 2, many in version 1."""
    if (mount / "cgroup.procs").exists():
        return [mount / CGROUP]
    hierarchies = {path.resolve() for path in mount.iterdir() if path.is_dir()}
    return sorted(path / CGROUP for path in hierarchies if (path / "cgroup.procs").exists())


def _is_empty_after_killing() -> bool:
    alive = [pid for pid in set(_processes()) if identify(pid) is not None]
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    return not alive


def _processes() -> Iterator[int]:
    for root in roots():
        for folder, _, _ in os.walk(root):
            members = Path(folder, "cgroup.procs")
            if members.exists():
                yield from (int(line) for line in members.read_text().split())
