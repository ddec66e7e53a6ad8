"""Put the add-ons into a cluster and wait until they work; both local and kind call this."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from devcluster.golang import go_command, module_folder
from devcluster.kubectl import Kubectl, Manifest
from devcluster.paths import PACKAGE, Cache
from devcluster.screen import step, wait_for

_CONTOUR = "github.com/projectcontour/contour"
_GATEWAY_API = "sigs.k8s.io/gateway-api"
_CONTOUR_FILES = ("00-common.yaml", "01-crds.yaml", "02-rbac.yaml", "02-role-contour.yaml")


@dataclass(frozen=True, slots=True)
class IngressAddresses:
    """Where Envoy listens on the node's network and the ports the pair needs on its loopback."""

    ingress_address: str
    ingress_port: int = 18080
    ingress_tls_port: int = 18443
    xds_port: int = 18001
    contour_http_port: int = 18002
    contour_debug_port: int = 18003
    envoy_stats_port: int = 18004

    def config_map(self) -> Manifest:
        """Return the ConfigMap that ingress.yaml reads."""
        data = {name.upper(): str(value) for name, value in asdict(self).items()}
        metadata = {"name": "addresses", "namespace": "projectcontour"}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which add-ons a cluster lacks."""

    ingress: IngressAddresses
    dns: bool
    storage: bool


def apply(cache: Cache, kubectl: Kubectl, wanted: Wanted) -> None:
    """Apply every add-on that is wanted; they may still be starting when this returns."""
    names = ["metrics", "gateway", "ingress"]
    names += ["dns"] if wanted.dns else []
    names += ["storage"] if wanted.storage else []
    with step("applying the add-ons"):
        kubectl.apply(contour_prerequisites(cache))
        kubectl("wait", "--for=condition=Established", "--timeout=180s", "crd", "--all")
        objects = [manifest for name in names for manifest in own(name)]
        kubectl.apply([wanted.ingress.config_map(), *objects])


def wait_until_ready(kubectl: Kubectl) -> None:
    """Wait for every Deployment of the add-ons and for the first metrics."""
    with step("waiting for the add-ons"):
        for namespace in ("kube-system", "projectcontour", "local-storage"):
            if kubectl.answers("get", "namespace", namespace):
                kubectl(
                    "wait",
                    "--namespace",
                    namespace,
                    "--for=condition=Available",
                    "--timeout=300s",
                    "deployment",
                    "--all",
                )
        kubectl.apply(own("metrics-api"))
        wait_for("the metrics API", lambda: kubectl.answers("top", "nodes"), 240, pause=1)


def own(name: str) -> Sequence[Manifest]:
    """Return the objects of one of the YAML files beside this module."""
    return list(_objects(PACKAGE / "addons" / f"{name}.yaml"))


def contour_prerequisites(cache: Cache) -> Sequence[Manifest]:
    """Return Contour's namespace, accounts, rights and CRDs, and the CRDs of the Gateway API.

    They come from their own modules. Contour watches TCP and TLS routes too, hence `experimental`.
    """
    go = go_command(cache)
    contour = module_folder(go, _CONTOUR) / "examples" / "contour"
    gateway_api = module_folder(go, _GATEWAY_API) / "config" / "crd" / "experimental"
    files = [contour / name for name in _CONTOUR_FILES]
    files += sorted(gateway_api.glob("gateway.networking.k8s.io_*.yaml"))
    return [manifest for file in files for manifest in _objects(file)]


def _objects(path: Path) -> Iterator[Manifest]:
    for manifest in yaml.safe_load_all(path.read_text()):
        if manifest:
            yield manifest
