"""Leave nothing: every trace of the node removed, also after a crash, and nothing of others."""

import shutil
from pathlib import Path

from devcluster.command import run, succeeds
from devcluster.node import cgroups, containerd, network
from devcluster.node.layout import VOLUMES, Layout
from devcluster.processes import Daemon, end, identify, running_programs
from devcluster.screen import step

_SHARED_FOLDERS = (
    Path("/var/log/containers"),
    Path("/var/lib/kubelet/device-plugins"),
    Path("/var/lib/kubelet"),
    Path("/run/containerd/s"),
    Path("/run/containerd/io.containerd.runtime.v2.task"),
    Path("/run/containerd"),
    Path("/var/lib/cni/results"),
    Path("/var/lib/cni"),
)
"""Places that the kubelet, containerd and CNI write to whatever they are told."""
_PATIENCE = 2.0
"""Seconds to end by itself: the API server would drain its watches, for nobody's good."""
_SHARED_FILES = (
    Path("/var/lib/kubelet/device-plugins/kubelet.sock"),
    Path("/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint"),
    Path("/var/lib/kubelet/device-plugins/DEPRECATION"),
)


def down(layout: Layout, daemons: tuple[Daemon, ...]) -> None:
    """Stop the node's processes and remove its files, mounts, groups and network."""
    with step("removing the local cluster"):
        for daemon in reversed(daemons):
            daemon.stop(_PATIENCE)
        # A run that was killed between starting a process and writing its identity down.
        names = {daemon.name for daemon in daemons}
        for lost in running_programs(layout.cache.root / "bin", layout.state, layout.run):
            if Path(lost.program).name in names:
                end(lost, _PATIENCE)
        if containerd.daemon(layout).is_running():
            containerd.remove_everything(layout)
        containerd.daemon(layout).stop(_PATIENCE)
        for pid in shims(layout):
            known = identify(pid)
            if known is not None:
                end(known, _PATIENCE)
        if any(root.exists() for root in cgroups.roots()):
            cgroups.down()
        for mount in reversed(mounts_below(Path("/proc/self/mountinfo").read_text(), layout)):
            run(["umount", "--lazy", mount])
        network.down(layout)
        for folder in (layout.state, layout.run, VOLUMES.parent):
            shutil.rmtree(folder, ignore_errors=True)
        layout.admin_kubeconfig.unlink(missing_ok=True)
        _tidy_shared_folders(layout)


def mounts_below(mountinfo: str, layout: Layout) -> list[str]:
    """Return the mount points below the node's folders, in the order they were made."""
    points = [line.split()[4] for line in mountinfo.splitlines()]
    ours = (layout.state, layout.run, VOLUMES.parent)
    return [point for point in points if any(Path(point).is_relative_to(path) for path in ours)]


def shims(layout: Layout, proc: Path = Path("/proc")) -> list[int]:
    """Return the containerd shims that were started for our containerd."""
    found = []
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "containerd-shim" in words[0] and str(layout.containerd_socket) in words:
            found.append(int(entry.name))
    return found


def _tidy_shared_folders(layout: Layout) -> None:
    """Remove what is certainly ours or certainly dead; a folder only when that leaves it empty."""
    if not succeeds(["pidof", "kubelet"]):
        for path in _SHARED_FILES:
            path.unlink(missing_ok=True)
    for folder in _SHARED_FOLDERS:
        if not folder.is_dir():
            continue
        for path in folder.iterdir():
            dead_link = path.is_symlink() and not path.exists()
            if dead_link or _is_result_of_our_network(path, layout):
                path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()


def _is_result_of_our_network(path: Path, layout: Layout) -> bool:
    """Tell whether a file is what CNI keeps about a pod's interface, and the pod was ours."""
    return (
        path.parent.name == "results"
        and path.is_file()
        and str(layout.run) in path.read_text(errors="replace")
    )
