"""The node's own containerd: its configuration, its command line and the images in it."""

import json
from pathlib import Path

from devcluster.command import run, succeeds
from devcluster.node import network
from devcluster.node.layout import Layout
from devcluster.packages import CNI_PLUGINS
from devcluster.processes import Daemon
from devcluster.screen import wait_for

NAMESPACE = "k8s.io"


def daemon(layout: Layout) -> Daemon:
    """Return the containerd process."""
    return Daemon(
        name="containerd",
        argv=("containerd", "--config", str(layout.config / "containerd.toml")),
        identity_file=layout.run / "containerd.identity",
        log=layout.logs / "containerd.log",
    )


def start(layout: Layout, pause_image: str) -> None:
    """Write the configuration and start containerd, ready to take images."""
    cni = layout.config / "cni"
    cni.mkdir(parents=True, exist_ok=True)
    (cni / "10-anomaly.conflist").write_text(json.dumps(network.cni_configuration(), indent=2))
    (layout.config / "containerd.toml").write_text(configuration(layout, pause_image))
    daemon(layout).start()
    wait_for("containerd", lambda: succeeds(ctr(layout, "version")), 90)


def ctr(layout: Layout, *arguments: str) -> list[str]:
    """Return a ctr command line that talks to this containerd only."""
    return ["ctr", "--address", str(layout.containerd_socket), "-n", NAMESPACE, *arguments]


def load(layout: Layout, archive: Path) -> None:
    """Import the images of a docker archive."""
    run(ctr(layout, "images", "import", str(archive)))


def remove_everything(layout: Layout) -> None:
    """End every container at once; the kubelet must have been stopped before."""
    for task in run(ctr(layout, "tasks", "list", "--quiet")).split():
        succeeds(ctr(layout, "tasks", "kill", "--all", "--signal", "SIGKILL", task))
    for task in run(ctr(layout, "tasks", "list", "--quiet")).split():
        succeeds(ctr(layout, "tasks", "delete", "--force", task))


def configuration(layout: Layout, pause_image: str) -> str:
    """Return containerd's configuration: everything below folders of our own."""
    return f"""version = 2
root = "{layout.state}/containerd"
state = "{layout.run}/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
  address = "{layout.containerd_socket}"

[plugins."io.containerd.grpc.v1.cri"]
  netns_mounts_under_state_dir = true
  sandbox_image = "{pause_image}"
  # Root of a container or a company machine may lack CAP_SYS_RESOURCE.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{layout.config}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "{layout.run}/runc"
"""
