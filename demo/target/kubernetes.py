"""kubectl and helm against one cluster, as the cluster tooling (`hack/devcluster`) has them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.errors import DemoError
from demo.target import ROOT

Object = dict[str, Any]

_OTHER_HELM_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that is up, and how to talk to it.

    Attributes:
        images: full references of `operator`, `dataplane` and `redis`; empty on a cluster that
            pulls them from a registry.
    """

    provider: str
    kubeconfig: str
    context: str
    kubectl: str
    helm: str
    ingress_url: str
    images: Mapping[str, str]

    def ask(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl; returns what it printed."""
        return run([*self._kubectl, *arguments], stdin=stdin)

    def find(self, *arguments: str) -> Object | None:
        """The object that `kubectl get` is asked for, None if there is none."""
        text = self.ask("get", *arguments, "--ignore-not-found", "--output=json")
        return json.loads(text) if text.strip() else None

    def install(self, *arguments: str, stdin: str) -> str:
        """Run helm; waits for another helm that is at work on the same release."""
        where = [f"--kubeconfig={self.kubeconfig}", f"--kube-context={self.context}"]
        give_up = time.monotonic() + _OTHER_HELM_SECONDS
        while True:
            try:
                return run([self.helm, *where, *arguments], stdin=stdin)
            except DemoError as error:
                if "another operation" not in str(error) or time.monotonic() > give_up:
                    raise
            time.sleep(3.0)

    @property
    def _kubectl(self) -> list[str]:
        where = [f"--kubeconfig={self.kubeconfig}", f"--context={self.context}"]
        return [self.kubectl, *where, "--request-timeout=30s"]


def ensure(provider: str) -> Cluster:
    """Bring the cluster up, with this checkout's images in it, or find it so.

    Raises:
        DemoError: if that fails; the tooling has said why.
    """
    devcluster(provider, "up")
    if provider != "current":
        devcluster(provider, "images")
    answer = json.loads(devcluster(provider, "env"))
    return Cluster(
        provider=answer["provider"],
        kubeconfig=answer["kubeconfig"],
        context=answer["context"],
        kubectl=answer["kubectl"],
        helm=answer["helm"],
        ingress_url=answer["ingress_url"].rstrip("/"),
        images={} if answer["provider"] == "current" else answer["images"],
    )


def devcluster(provider: str, command: str) -> str:
    """Run a command of the cluster tooling; its progress goes to the terminal as it comes."""
    argv = [sys.executable, "-m", "devcluster", "--provider", provider, command]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "hack")}
    done = subprocess.run(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise DemoError(f"`devcluster {command}` failed: see above")
    return done.stdout


def run(argv: list[str], stdin: str | None = None) -> str:
    """Run a program; returns its standard output.

    Raises:
        DemoError: with its last words if it fails.
    """
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr + done.stdout).strip().splitlines()
        tail = "\n".join([line for line in lines if not line.startswith("level=")][-10:])
        raise DemoError(f"`{Path(argv[0]).name} {' '.join(argv[1:])}` failed:\n{tail}")
    return done.stdout
