"""What a release is besides images: the packed chart, and manifests for those without Helm.

The manifests are made from the chart, which stays the only description of an installation.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml

from devcluster.command import run
from devcluster.kubectl import Manifest
from devcluster.paths import CHECKOUT
from devcluster.versions import KUBERNETES

PLUGIN = CHECKOUT / "hack" / "kubectl-anomaly"
CHART = CHECKOUT / "charts" / "anomaly-operator"
NAMESPACE = "anomaly-system"

_HEADER = """\
# AnomalyPipeline {version}, made from the chart by `make dist`. docs/install.md tells more.
#   {usage}
"""
_INSTALL = "kubectl apply -f install.yaml"
_NAMESPACED = "sed 's/anomaly-system/YOUR-NAMESPACE/g' install-namespaced.yaml | kubectl apply -f -"


def write(helm: Path, folder: Path) -> list[Path]:
    """Write everything into a folder and return the files.

    `install.yaml` is the whole operator with its namespace and CRD. `install-namespaced.yaml` is
    one that serves its own namespace only, without any object outside of it; the CRD, which it
    needs, is in `crd.yaml`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cluster_wide = list(_rendered(helm))
    crds = [each for each in cluster_wide if each["kind"] == "CustomResourceDefinition"]
    own = ["--set", f"watchNamespaces={{{NAMESPACE}}}", "--set", "crds.install=false"]
    files = {
        "install.yaml": (_INSTALL, [_namespace(), *cluster_wide]),
        "install-namespaced.yaml": (_NAMESPACED, list(_rendered(helm, *own))),
        "crd.yaml": ("kubectl apply -f crd.yaml", crds),
    }
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    written = []
    for name, (usage, manifests) in files.items():
        text = yaml.safe_dump_all(manifests, sort_keys=False, width=100)
        path = folder / name
        path.write_text(_HEADER.format(version=version, usage=usage) + text)
        written.append(path)
    run([helm, "package", CHART, "--destination", folder])
    plugin = Path(shutil.copy2(PLUGIN, folder))
    return [*written, *folder.glob("anomaly-operator-*.tgz"), plugin]


def _rendered(helm: Path, *options: str) -> Iterator[Manifest]:
    """Return the objects of an installation, without what only Helm reads."""
    where = ["--namespace", NAMESPACE, "--kube-version", KUBERNETES, "--no-hooks"]
    text = run([helm, "template", "anomaly-operator", CHART, *where, *options])
    for manifest in yaml.safe_load_all(text):
        if manifest:
            _forget_helm(manifest["metadata"])
            template = manifest.get("spec", {}).get("template", {})
            _forget_helm(template.get("metadata", {}))
            yield manifest


def _forget_helm(metadata: Manifest) -> None:
    for part in ("labels", "annotations"):
        kept = {
            key: value
            for key, value in (metadata.pop(part, None) or {}).items()
            if not key.startswith("helm.sh/") and value != "Helm"
        }
        if kept:
            metadata[part] = kept


def _namespace() -> Manifest:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
