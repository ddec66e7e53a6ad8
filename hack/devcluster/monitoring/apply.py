"""Put the monitoring stack into a cluster, or find it there."""

import copy
from collections.abc import Iterator
from pathlib import Path

import yaml

from devcluster.access import Provider
from devcluster.golang import go_command, module_folder
from devcluster.images.project import cluster_identity
from devcluster.kubectl import Kubectl, Manifest
from devcluster.monitoring import programs
from devcluster.paths import PACKAGE, Cache
from devcluster.screen import step, wait_for

NAMESPACE = "monitoring"
_STACK = PACKAGE / "monitoring" / "stack.yaml"
_PODS = ("prometheus-anomaly-0", "alertmanager-anomaly-0")


def ensure(cache: Cache, provider: Provider) -> None:
    """Make the stack run, with its CRDs; a stack that runs is brought up to date."""
    access = provider.access()
    kubectl = Kubectl(Path(access.kubectl), Path(access.kubeconfig))
    archive = programs.archive(cache)
    mark = cache.folder("images") / f"monitoring-loaded-{cluster_identity(Path(access.kubeconfig))}"
    if not mark.exists() or mark.read_text() != archive.name:
        with step("loading the images of the monitoring stack"):
            provider.load(archive)
        for old in mark.parent.glob("monitoring-loaded-*"):
            old.unlink()
        mark.write_text(archive.name)
    module = module_folder(go_command(cache), programs.MODULE, sources=programs.GOMOD)
    with step("applying the monitoring stack"):
        kubectl.apply_files(module / "example" / "prometheus-operator-crd")
        kubectl("wait", "--for=condition=Established", "--timeout=180s", "crd", "--all")
        kubectl.apply([*operator_rights(module), *_objects(_STACK)])
    with step("waiting for the monitoring stack"):
        for pod in _PODS:
            wait_for(pod, lambda pod=pod: _is_ready(kubectl, pod), 300)  # type: ignore[misc]


def operator_rights(module: Path) -> Iterator[Manifest]:
    """Return the operator's account and rights as upstream has them, in our namespace."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    folder = module / "example" / "rbac" / "prometheus-operator"
    for name in ("service-account", "cluster-role", "cluster-role-binding"):
        for found in _objects(folder / f"prometheus-operator-{name}.yaml"):
            manifest = copy.deepcopy(found)
            if manifest["kind"] == "ServiceAccount":
                manifest["metadata"]["namespace"] = NAMESPACE
            for subject in manifest.get("subjects", ()):
                subject["namespace"] = NAMESPACE
            yield manifest


def _is_ready(kubectl: Kubectl, pod: str) -> bool:
    ready = ("--for=condition=Ready", "--timeout=1s")
    return kubectl.answers("wait", "--namespace", NAMESPACE, f"pod/{pod}", *ready)


def _objects(path: Path) -> Iterator[Manifest]:
    for manifest in yaml.safe_load_all(path.read_text()):
        if manifest:
            yield manifest
