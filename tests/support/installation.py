"""The chart installed on a real cluster by helm, the way a user does it. Used by tests/e2e."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chart import CHART
from kube import Kubectl
from polling import eventually

RELEASE = "anomaly-operator"
SYSTEM = "anomaly-system"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


class Helm:
    """helm against the cluster of the tests."""

    def __init__(self, binary: str, kubeconfig: str) -> None:
        self._command = [binary, f"--kubeconfig={kubeconfig}", f"--namespace={SYSTEM}"]

    def run(self, *args: str, stdin: str | None = None) -> str:
        """Run helm; an error is a test failure with its text."""
        done = subprocess.run(
            [*self._command, *args], input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"helm {' '.join(args)}: {done.stderr}{done.stdout}"
        return done.stdout

    def install(self, values: Mapping[str, Any], chart: Path = CHART) -> None:
        """Install or upgrade the release, and wait until the operator is ready."""
        wait = ["--wait", "--timeout=240s"]
        source = [str(chart), "--values", "-", "--take-ownership"]  # of a CRD that is left
        self.run("upgrade", "--install", RELEASE, *source, *wait, stdin=json.dumps(values))

    def uninstall(self) -> None:
        """Uninstall the release if it is there."""
        if RELEASE in self.run("list", "--short"):
            self.run("uninstall", RELEASE, "--wait", "--timeout=180s")


def await_end(kubectl: Kubectl, kind: str, name: str) -> None:
    """Wait until what is being deleted is gone; what is not stays, and is not waited for."""

    def over() -> bool:
        old = kubectl.get(kind, name)
        return old is None or "deletionTimestamp" not in old["metadata"]

    eventually(f"an old {kind} {name} is gone", over)


def make_namespace(kubectl: Kubectl, name: str) -> None:
    """Make a namespace that refuses every pod that is not `restricted`; await an old one's end."""
    await_end(kubectl, "namespace", name)
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": RESTRICTED},
        }
    )
