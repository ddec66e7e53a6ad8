"""The layout of the repository, where breaking it would break more than looks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("folder", ["operator", "tests/operator", "dataplane", "tests"])
def test_no_package_shadows_the_standard_library(folder: str) -> None:
    """`operator/__init__.py` would make `import collections` fail in that directory."""
    assert not (ROOT / folder / "__init__.py").exists()


def test_python_still_works_at_the_root() -> None:
    """The standard library's operator wins."""
    done = subprocess.run(
        [sys.executable, "-c", "import collections, operator; print(operator.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert str(ROOT) not in done.stdout


def test_there_is_one_crd_file() -> None:
    """Operator package and chart link to it."""
    crd = ROOT / "crds" / "anomalypipelines.yaml"
    link = ROOT / "operator" / "src" / "anomaly_operator" / "crd.yaml"

    assert link.is_symlink()
    assert link.resolve() == crd.resolve()
    copies = [
        path
        for path in ROOT.glob("charts/**/anomalypipelines.yaml")
        if path.resolve() != crd.resolve()
    ]
    assert copies == []


def test_the_operator_does_not_load_the_clients_models() -> None:
    """All of them would double its memory; the client itself loads a few."""
    code = (
        "import json, sys; import anomaly_operator.run;"
        "print(json.dumps([m for m in sys.modules if '.client.models.' in m]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert len(json.loads(done.stdout)) < 20  # of about a thousand
