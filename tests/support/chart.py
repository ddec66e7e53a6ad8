"""Renders the Helm chart for tests: values in, Kubernetes objects out."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "charts" / "anomaly-operator"
CRD_FILE = ROOT / "crds" / "anomalypipelines.yaml"

KUBE_VERSION = "1.34.0"
"""What `helm template` supposes; a helm built by `go install` would suppose 1.20 by itself."""

HOOK = "helm.sh/hook"

Manifest = dict[str, Any]
Rules = list[Manifest]
Values = Mapping[str, Any]


def documented() -> dict[str, Rules]:
    """The rights that operator/RBAC.md lists, by what they are for."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "operator" / "RBAC.md").read_text(), re.S)
    merged: dict[str, Rules] = {}
    for block in blocks:
        merged |= yaml.safe_load(block)
    return merged


class ChartRefused(Exception):
    """Helm said no; the message is what the person at the keyboard would read."""


class Objects(list[Manifest]):
    """The rendered objects, with look-ups that fail loudly."""

    def of_kind(self, kind: str) -> list[Manifest]:
        """Return every object of a kind."""
        return [o for o in self if o["kind"] == kind]

    def only(self, kind: str) -> Manifest:
        """Return the one object of a kind."""
        found = self.of_kind(kind)
        assert len(found) == 1, f"{len(found)} objects of kind {kind}, not 1"
        return found[0]


class Chart:
    """The chart of this checkout, seen through one helm binary."""

    def __init__(self, helm: str, scratch: Path) -> None:
        self._helm = helm
        self._scratch = scratch

    def lint(self, values: Values | None = None) -> str:
        """Run `helm lint --strict`."""
        return self._run("lint", str(CHART), "--strict", values=values)

    def template(
        self, values: Values | None = None, *, namespace: str = "anomaly-system"
    ) -> Objects:
        """Run `helm template` as release `anomaly-operator`; without the hooks."""
        return self._objects(CHART, values, namespace, "--no-hooks")

    def hooks(self, values: Values | None = None) -> Objects:
        """What exists only while helm does something."""
        every = self._objects(CHART, values, "anomaly-system")
        return Objects(o for o in every if HOOK in o["metadata"].get("annotations", {}))

    def package(self) -> Path:
        """Run `helm package` and return the archive."""
        self._run("package", str(CHART), "--destination", str(self._scratch))
        (archive,) = self._scratch.glob("anomaly-operator-*.tgz")
        return archive

    def template_package(self, archive: Path) -> Objects:
        """Render a packaged chart instead of the checkout's folder."""
        return self._objects(archive, None, "anomaly-system", "--no-hooks")

    def _objects(self, chart: Path, values: Values | None, namespace: str, *flags: str) -> Objects:
        target = ["--namespace", namespace, "--kube-version", KUBE_VERSION, *flags]
        text = self._run("template", "anomaly-operator", str(chart), *target, values=values)
        return Objects(o for o in yaml.safe_load_all(text) if o)

    def _run(self, *args: str, values: Values | None = None) -> str:
        command = [self._helm, *args]
        if values is not None:
            file = self._scratch / "values.json"
            file.write_text(json.dumps(values))
            command += ["--values", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ChartRefused(done.stdout + done.stderr)
        return done.stdout
