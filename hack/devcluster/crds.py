"""The prometheus-operator's CRDs as files in the cache, for tests to apply when they want them."""

import json
import shutil
from pathlib import Path

from devcluster.command import run
from devcluster.golang import build_environment, go_command
from devcluster.paths import Cache
from devcluster.versions import PROMETHEUS_OPERATOR

_MODULE = "github.com/prometheus-operator/prometheus-operator"
_FILES = ("servicemonitors", "podmonitors", "prometheusrules")


def prometheus_folder(cache: Cache) -> Path:
    """Return where the CRDs are, or will be after `fetch_prometheus`."""
    return cache.root / "crds" / f"prometheus-operator-{PROMETHEUS_OPERATOR}"


def fetch_prometheus(cache: Cache) -> Path:
    """Return the folder of the CRDs, taken from the Go module on the first call."""
    folder = prometheus_folder(cache)
    if not folder.exists():
        answer = run(
            [go_command(cache), "mod", "download", "-json", f"{_MODULE}@{PROMETHEUS_OPERATOR}"],
            env=build_environment(),
            cwd=cache.folder("crds"),
        )
        source = Path(json.loads(answer)["Dir"]) / "example" / "prometheus-operator-crd"
        partial = cache.folder("crds", ".partial")
        for name in _FILES:
            target = partial / f"{name}.yaml"
            shutil.copyfile(source / f"monitoring.coreos.com_{name}.yaml", target)
        partial.rename(folder)
    return folder
