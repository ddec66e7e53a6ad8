"""The provider `kind`: one node in a container of the Docker engine that answers."""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devcluster import binaries, kubeconfig
from devcluster.access import Access
from devcluster.addons import apply as addons
from devcluster.command import run
from devcluster.errors import DevClusterError
from devcluster.images.engine import Engine, answering_engine
from devcluster.images.programs import addon_archive
from devcluster.kubectl import Kubectl
from devcluster.paths import Cache
from devcluster.screen import say, step
from devcluster.versions import KIND_CLUSTER, KIND_CONTEXT

STOCK_IMAGE = (
    "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"
)
"""The default of the kind release in gomod/go.mod."""
_INGRESS = addons.IngressAddresses(ingress_address="0.0.0.0")  # noqa: S104
_INGRESS_PORTS = (_INGRESS.ingress_port, _INGRESS.ingress_tls_port)
_DEFAULT_NETWORK = "/kind/manifests/default-cni.yaml"

_NETWORK = "kind"
"""The network of Docker's that kind puts its nodes into."""

_ROOT_ONLY = "kubernetes.io/host-path"
"""What kind falls back to where a node image brings no provisioner: its folders are root's."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind cluster; `node_image` is empty for the stock one."""

    cache: Cache
    node_image: str

    def up(self) -> None:
        """Create the cluster and its add-ons unless it is whole."""
        engine = answering_engine()
        if engine is None:
            raise DevClusterError("CLUSTER=kind needs a Docker engine that answers")
        binaries.ensure(self.cache, (*binaries.ADDONS, *binaries.KIND))
        archive = addon_archive(self.cache, self._binaries)
        if self.is_up():
            say("the kind cluster is up already")
            return
        self.down()
        image = self.node_image or STOCK_IMAGE
        config = self.cache.folder("kind") / "config.yaml"
        config.write_text(yaml.safe_dump(self._configuration(engine, image), sort_keys=False))
        with step(f"creating the kind cluster from {image}"):
            _make_modules_folder()
            self._kind(
                "create",
                "cluster",
                "--name",
                KIND_CLUSTER,
                "--config",
                str(config),
                "--kubeconfig",
                str(self._kubeconfig),
                "--wait",
                "300s",
                log=self.cache.logs / "kind-create.log",
            )
        kubeconfig.refuse_foreign(self._kubeconfig, KIND_CONTEXT)
        with step("loading the add-on images"):
            self.load(archive)
        wanted = addons.Wanted(ingress=_INGRESS, dns=False, storage=not self._has_default_storage())
        addons.apply(self.cache, self._kubectl, wanted)
        addons.wait_until_ready(self._kubectl)
        self._completed.write_text(binaries.cache_key())

    def down(self) -> None:
        """Delete the cluster, whole or broken."""
        binaries.ensure(self.cache, binaries.KIND)
        if answering_engine() is not None:
            with step("removing the kind cluster"):
                self._kind(
                    "delete",
                    "cluster",
                    "--name",
                    KIND_CLUSTER,
                    "--kubeconfig",
                    str(self._kubeconfig),
                )
        self._kubeconfig.unlink(missing_ok=True)
        self._completed.unlink(missing_ok=True)

    def is_up(self) -> bool:
        """Tell whether a completed `up` still answers."""
        return (
            self._completed.exists()
            and self._completed.read_text() == binaries.cache_key()
            and kubeconfig.current_context(self._kubeconfig) == KIND_CONTEXT
            and self._kubectl.answers("get", "--raw", "/readyz")
        )

    def report(self) -> list[str]:
        """Return the node's container."""
        return run(["docker", "ps", "--filter", f"name={KIND_CLUSTER}-control-plane"]).splitlines()

    def access(self) -> Access:
        """Return how to talk to the cluster."""
        return Access(
            provider="kind",
            kubeconfig=str(self._kubeconfig),
            context=KIND_CONTEXT,
            kubectl=str(self._binaries / "kubectl"),
            helm=str(self._binaries / "helm"),
            logs=str(self.cache.logs),
            host_address=_host_address(),
        )

    def load(self, archive: Path) -> None:
        """Load images into the node."""
        self._kind("load", "image-archive", str(archive), "--name", KIND_CLUSTER)

    def _configuration(self, engine: Engine, image: str) -> dict[str, Any]:
        listing = engine.docker("run", "--rm", "--entrypoint", "ls", image, "/kind/manifests")
        has_network = Path(_DEFAULT_NETWORK).name in listing.split()
        return configuration(image, brings_network=not has_network)

    def _has_default_storage(self) -> bool:
        """Tell whether volumes work as they are; what only root could write to is taken away."""
        classes = self._kubectl.get("storageclass")["items"]
        for one in classes:
            if one["provisioner"] == _ROOT_ONLY:
                self._kubectl("delete", "storageclass", one["metadata"]["name"])
        mark = "storageclass.kubernetes.io/is-default-class"
        return any(
            one["metadata"].get("annotations", {}).get(mark) == "true"
            for one in classes
            if one["provisioner"] != _ROOT_ONLY
        )

    def _kind(self, *arguments: str, log: Path | None = None) -> str:
        return run([self._binaries / "kind", *arguments], log=log, timeout=600)

    @property
    def _binaries(self) -> Path:
        return self.cache.root / "bin" / binaries.cache_key()

    @property
    def _kubectl(self) -> Kubectl:
        return Kubectl(self._binaries / "kubectl", self._kubeconfig)

    @property
    def _kubeconfig(self) -> Path:
        return self.cache.kubeconfig("kind")

    @property
    def _completed(self) -> Path:
        return self.cache.root / "kind-completed"


def _host_address() -> str:
    """Return the gateway of the nodes' network, which is this machine where Docker runs on it."""
    with contextlib.suppress(DevClusterError, OSError):
        networks = json.loads(run(["docker", "network", "inspect", _NETWORK]))
        for part in networks[0]["IPAM"]["Config"]:
            if ":" not in part.get("Gateway", ":"):
                return str(part["Gateway"])
    return ""


def _make_modules_folder() -> None:
    """Make the folder that kind mounts into the node; a kernel without modules brings none."""
    folder = Path("/lib/modules")
    if not folder.exists() and os.geteuid() == 0:
        folder.mkdir()


def configuration(image: str, *, brings_network: bool) -> dict[str, Any]:
    """Return kind's configuration: loopback only, and patient with old kernels and small rights.

    A node image that `brings_network` has its own CNI configuration instead of kind's.
    """
    kubelet = {"kind": "KubeletConfiguration", "oomScoreAdj": 0, "failCgroupV1": False}
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {
            "apiServerAddress": "127.0.0.1",
            "ipFamily": "ipv4",
            "disableDefaultCNI": brings_network,
        },
        "nodes": [
            {
                "role": "control-plane",
                "image": image,
                "extraPortMappings": [
                    {"containerPort": port, "hostPort": port, "listenAddress": "127.0.0.1"}
                    for port in _INGRESS_PORTS
                ],
                "kubeadmConfigPatches": [yaml.safe_dump(kubelet, sort_keys=False)],
            }
        ],
    }
