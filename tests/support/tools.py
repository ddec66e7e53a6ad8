"""What the cluster tooling tells tests: programs, kubeconfig, images. Source: `devcluster env`."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent


def devcluster(*command: str, timeout: float = 3600) -> str:
    """Run `python -m devcluster`, showing its progress; fail the test with its last words."""
    done = subprocess.run(
        [sys.executable, "-m", "devcluster", *command],
        cwd=ROOT / "hack",
        stdout=subprocess.PIPE,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"`python -m devcluster {' '.join(command)}` failed: see its output above")
    return done.stdout


@functools.cache
def environment() -> dict[str, Any]:
    """The answer of `devcluster env`."""
    answer = json.loads(devcluster("env"))
    assert isinstance(answer, dict)
    return answer


def helm_binary() -> str:
    """Helm, as the cluster tooling has built it; without it the test fails, it never skips."""
    path = str(environment()["helm"])
    if not Path(path).exists():
        pytest.fail(f"there is no helm at {path}: `make cluster` builds it (once, some minutes)")
    return path
