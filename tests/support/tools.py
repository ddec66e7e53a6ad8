"""What the cluster tooling tells tests: programs, kubeconfig, images."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devcluster.binaries import cache_key
from devcluster.paths import Cache

ROOT = Path(__file__).parent.parent.parent


@functools.cache
def environment() -> dict[str, Any]:
    """The answer of `devcluster env`: the cluster that is up, or a failed test."""
    done = subprocess.run(
        [sys.executable, "-m", "devcluster", "env"],
        cwd=ROOT / "hack",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"no cluster to test on: {done.stderr.strip()} (`make cluster images`)")
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def helm_binary() -> str:
    """Helm, as the cluster tooling has built it; without it the test fails, it never skips."""
    path = Cache.from_environment().root / "bin" / cache_key() / "helm"
    if not path.exists():
        pytest.fail(f"there is no helm at {path}; `make unit` builds it once (some minutes)")
    return str(path)


def promtool_binary() -> str:
    """promtool, as the cluster tooling has fetched it; without it the test fails."""
    path = Cache.from_environment().root / "debian" / "prometheus" / "usr" / "bin" / "promtool"
    if not path.exists():
        pytest.fail(f"there is no promtool at {path}; `make unit` fetches it")
    return str(path)
