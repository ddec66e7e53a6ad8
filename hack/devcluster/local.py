"""The provider `local`: upstream Kubernetes as processes of this machine, no image pulled."""

import os
from dataclasses import dataclass
from pathlib import Path

from devcluster import binaries, kubeconfig
from devcluster.access import Access
from devcluster.addons import apply as addons
from devcluster.errors import DevClusterError
from devcluster.images.programs import PAUSE_IMAGE, addon_archive
from devcluster.kubectl import Kubectl
from devcluster.node import cgroups, containerd, control_plane, kubelet, network, pki, teardown
from devcluster.node.layout import API_PORT, NODE_IP, NODE_NAME, VOLUMES, Layout
from devcluster.packages import NODE, require
from devcluster.paths import Cache
from devcluster.processes import Daemon
from devcluster.screen import say, step, wait_for
from devcluster.versions import LOCAL_CONTEXT

_INGRESS = addons.IngressAddresses(ingress_address="127.0.0.1")


@dataclass(frozen=True, slots=True)
class Local:
    """A one-node cluster of host processes."""

    cache: Cache

    def up(self) -> None:
        """Build what is missing, then start the node unless it is whole."""
        _require_root()
        require(self.cache, NODE, "the local cluster")
        binaries.ensure(self.cache, (*binaries.CONTROL_PLANE, *binaries.ADDONS))
        archive = addon_archive(self.cache, self._layout.binaries)
        if self.is_up():
            say("the local cluster is up already")
            return
        self.down()
        self._start(archive)

    def down(self) -> None:
        """Stop and remove the node, also when only half of it is left."""
        _require_root()
        daemons = (*control_plane.daemons(self._layout), *kubelet.daemons(self._layout))
        teardown.down(self._layout, daemons)

    def is_up(self) -> bool:
        """Tell whether a completed `up` of these very binaries still runs and answers."""
        mark = self._completed
        whole = mark.exists() and mark.read_text() == binaries.cache_key()
        return (
            whole
            and all(daemon.is_running() for daemon in self._daemons())
            and self._kubectl.answers("get", "--raw", "/readyz")
            and self._node_is_ready()
        )

    def report(self) -> list[str]:
        """Return one line per process with its pid."""
        lines = []
        for daemon in self._daemons():
            known = daemon.identity()
            state = f"pid {known.pid}" if known and known.is_alive() else "not running"
            lines.append(f"{daemon.name:<24} {state:<12} {daemon.log}")
        return lines

    def access(self) -> Access:
        """Return how to talk to the node."""
        return Access(
            provider="local",
            kubeconfig=str(self._layout.admin_kubeconfig),
            context=LOCAL_CONTEXT,
            kubectl=str(self._layout.binaries / "kubectl"),
            helm=str(self._layout.binaries / "helm"),
            logs=str(self._layout.logs),
            host_address=NODE_IP,
        )

    def load(self, archive: Path) -> None:
        """Import images into the node's containerd."""
        containerd.load(self._layout, archive)

    def _start(self, archive: Path) -> None:
        layout = self._layout
        with step("starting the node"):
            for folder in (layout.state, layout.run, layout.config, VOLUMES):
                folder.mkdir(parents=True, exist_ok=True)
            pki.write_all(layout.pki)
            self._write_kubeconfigs()
            kubelet.write_configuration(layout)
            network.up(layout)
            cgroups.up()
            control = control_plane.daemons(layout)
            for daemon in control[:2]:
                daemon.start()
            containerd.start(layout, PAUSE_IMAGE)
        with step("loading the add-on images"):
            containerd.load(layout, archive)
        with step("waiting for the API server and the node"):
            kubectl = self._kubectl
            wait_for("the API server", lambda: kubectl.answers("get", "--raw", "/readyz"), 180)
            for daemon in (*control[2:], *kubelet.daemons(layout)):
                daemon.start()
            wait_for("the node to be Ready", self._node_is_ready, 180)
        wanted = addons.Wanted(ingress=_INGRESS, dns=True, storage=True)
        addons.apply(self.cache, self._kubectl, wanted)
        addons.wait_until_ready(self._kubectl)
        self._completed.write_text(binaries.cache_key())

    def _write_kubeconfigs(self) -> None:
        layout = self._layout
        server = f"https://{NODE_IP}:{API_PORT}"
        for component in pki.CLIENTS:
            keys = kubeconfig.Credentials(
                authority=layout.pki / "ca.crt",
                certificate=layout.pki / f"{component}.crt",
                key=layout.pki / f"{component}.key",
            )
            text = kubeconfig.render(LOCAL_CONTEXT, server, keys)
            admin = component == "admin"
            path = layout.admin_kubeconfig if admin else layout.kubeconfig(component)
            kubeconfig.write_private(path, text)

    def _node_is_ready(self) -> bool:
        return self._kubectl.answers(
            "wait", f"node/{NODE_NAME}", "--for=condition=Ready", "--timeout=1s"
        )

    def _daemons(self) -> tuple[Daemon, ...]:
        layout = self._layout
        node = (containerd.daemon(layout), *kubelet.daemons(layout))
        return (*control_plane.daemons(layout), *node)

    @property
    def _layout(self) -> Layout:
        return Layout(self.cache, self.cache.root / "bin" / binaries.cache_key())

    @property
    def _kubectl(self) -> Kubectl:
        return Kubectl(self._layout.binaries / "kubectl", self._layout.admin_kubeconfig)

    @property
    def _completed(self) -> Path:
        return self._layout.run / "completed"


def _require_root() -> None:
    if os.geteuid() != 0:
        raise DevClusterError(
            "CLUSTER=local runs containerd and the kubelet on this machine and so needs root;"
            " without it, use CLUSTER=kind with a Docker engine, or CLUSTER=current"
        )
