"""kubectl bound to one kubeconfig of ours; there is no way to call it on another cluster."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devcluster.command import run, succeeds

Manifest = dict[str, Any]

_APPLY = ("apply", "--server-side", "--force-conflicts", "--field-manager=devcluster")


@dataclass(frozen=True, slots=True)
class Kubectl:
    """A kubectl with its kubeconfig."""

    binary: Path
    kubeconfig: Path

    def __call__(self, *arguments: str, stdin: str | None = None, timeout: float = 400) -> str:
        """Run kubectl and return what it printed."""
        argv: list[str | Path] = [self.binary, "--kubeconfig", self.kubeconfig, *arguments]
        return run(argv, stdin=stdin, timeout=timeout)

    def answers(self, *arguments: str) -> bool:
        """Tell whether kubectl succeeds with these arguments."""
        argv: list[str | Path] = [self.binary, "--kubeconfig", self.kubeconfig]
        argv += ["--request-timeout=5s", *arguments]
        return succeeds(argv)

    def get(self, *arguments: str) -> Manifest:
        """Return an object or a list."""
        answer: Manifest = json.loads(self("get", *arguments, "-o", "json"))
        return answer

    def apply(self, manifests: Sequence[Manifest]) -> None:
        """Apply objects server-side."""
        self(*_APPLY, "-f", "-", stdin=yaml.safe_dump_all(manifests, sort_keys=False))

    def apply_files(self, folder: Path) -> None:
        """Apply every object in the files of a folder server-side."""
        self(*_APPLY, "-f", str(folder))
