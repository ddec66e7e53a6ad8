"""Which source runs, and that nobody scores or tests with a stale binary."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import subprocess
import sys
import tomllib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import anomaly_dataplane
from anomaly_dataplane import KERNELS, compiled
from anomaly_dataplane.app import build
from anomaly_dataplane.contract.runtime import ENV_KERNELS
from anomaly_dataplane.serve import serve
from anomaly_dataplane.settings import read_settings
from samples import a_config

PACKAGE = Path(anomaly_dataplane.__file__).parent
SUFFIX = EXTENSION_SUFFIXES[0]


def test_what_is_tested_here_is_what_was_asked_for() -> None:
    """Compiled, and from these sources, unless ANOMALY_KERNELS=python: `make setup` sees to it."""
    assert KERNELS.reason == ""
    assert os.environ.get(ENV_KERNELS, compiled.CYTHON) == KERNELS.flavour
    expected = ".py" if KERNELS.flavour == compiled.PYTHON else SUFFIX
    for path in compiled.modules(PACKAGE):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        loaded = importlib.import_module(name).__file__
        assert loaded is not None
        assert loaded.endswith(path.stem + expected)


def test_uv_compiles_anew_when_and_only_when_a_kernel_has_changed() -> None:
    """The list of `cache-keys` names them all, and little else."""
    project = PACKAGE.parents[1]
    settings = tomllib.loads((project / "pyproject.toml").read_text())
    patterns = [key["file"] for key in settings["tool"]["uv"]["cache-keys"] if "file" in key]
    watched = {path for pattern in patterns for path in project.glob(pattern)}
    compiled_from = set(compiled.sources(PACKAGE))

    assert compiled_from <= watched
    besides = {path.parent for path in watched - compiled_from}
    assert besides == {project, PACKAGE / "detectors"}


def test_asked_to_interpret_not_one_kernel_is_loaded_compiled() -> None:
    """Whatever lies beside the sources, in whichever order modules are imported."""
    program = (
        "import sys, anomaly_dataplane.app\n"
        "from anomaly_dataplane import KERNELS\n"
        "ours = [m for n, m in sys.modules.items() if n.startswith('anomaly_dataplane')]\n"
        "print(KERNELS.flavour, [m.__name__ for m in ours if not m.__file__.endswith('.py')])\n"
    )

    shown = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, ENV_KERNELS: compiled.PYTHON},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert shown == "python []\n"


def test_a_word_that_means_nothing_is_refused() -> None:
    """Not taken for one or the other."""
    with pytest.raises(ValueError, match=rf"{ENV_KERNELS}: must be one of cython, python, not 'c'"):
        read_settings({ENV_KERNELS: "c"}, {})


def a_package(folder: Path, record: bool = True, suffix: str = SUFFIX) -> Path:
    """A package with one kernel, and one helper that is only ever inlined."""
    kernels = folder / "inner"
    kernels.mkdir()
    (kernels / "sums.py").write_text("def add(a, b):\n    return a + b\n")
    (kernels / "sums.pxd").write_text("# Types.\ncdef double add(double a, double b)\n")
    (kernels / "bare.py").write_text("def same(a):\n    return a\n")
    (kernels / "bare.pxd").write_text("# Inlined.\ncdef inline double same(a):\n    return a\n")
    (kernels / f"sums{suffix}").touch()
    if record:
        (folder / compiled.RECORD).write_text(json.dumps(compiled.digest(folder)))
    return folder


def test_a_complete_build_runs(tmp_path: Path) -> None:
    """The usual case."""
    package = a_package(tmp_path)

    assert compiled.modules(package) == [package / "inner" / "sums.py"]
    assert compiled.choose(package, {}) == compiled.Kernels(compiled.CYTHON)
    assert str(package / "inner") not in sys.path_importer_cache


@pytest.mark.parametrize("changed", ["sums.py", "sums.pxd", "bare.py", "bare.pxd"])
def test_changed_sources_are_interpreted_until_they_are_compiled_again(
    tmp_path: Path, changed: str
) -> None:
    """A stale binary must not stand in for them."""
    package = a_package(tmp_path)
    with (package / "inner" / changed).open("a") as source:
        source.write("# Changed.\n")

    kernels = compiled.choose(package, {})

    assert kernels.flavour == compiled.PYTHON
    assert "sources have changed" in kernels.reason


def test_without_a_build_the_source_is_interpreted(tmp_path: Path) -> None:
    """A machine without a compiler: slower, and it says so."""
    kernels = compiled.choose(a_package(tmp_path, record=False), {})

    assert kernels.flavour == compiled.PYTHON
    assert "C compiler" in kernels.reason


def test_a_build_for_another_python_is_not_for_this_one(tmp_path: Path) -> None:
    """An environment made anew around the same checkout."""
    kernels = compiled.choose(a_package(tmp_path, suffix=".cpython-30-x.so"), {})

    assert kernels.flavour == compiled.PYTHON
    assert kernels.reason == "sums was not compiled for this Python"


@pytest.mark.parametrize(
    ("kernels", "warnings"),
    [
        (compiled.Kernels("cython"), []),
        (compiled.Kernels("python"), []),
        (
            compiled.Kernels("python", "no compiler"),
            ["the kernels run interpreted, some 50 times slower: no compiler"],
        ),
    ],
)
async def test_a_pod_says_which_kernels_it_runs(
    kernels: compiled.Kernels,
    warnings: list[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In its log and in its metrics; with a warning only if nobody asked for it."""
    monkeypatch.setattr("anomaly_dataplane.app.KERNELS", kernels)
    monkeypatch.setattr("anomaly_dataplane.serve.KERNELS", kernels)
    ports = {"bind": "127.0.0.1", "http_port": "0", "admin_port": "0"}
    settings = read_settings({"ANOMALY_DRAIN_SECONDS": "0"}, {"store": "memory", **ports})
    pod = build(settings, a_config())
    stop = asyncio.Event()

    with caplog.at_level(logging.INFO, logger="anomaly_dataplane.serve"):
        await serve(pod, stop, lambda _: stop.set())

    records = [record for record in caplog.records if record.name == "anomaly_dataplane.serve"]
    assert records[0].getMessage().endswith(f"state in memory, kernels in {kernels.flavour}")
    warned = [record for record in records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warned] == warnings
    exposition = pod.telemetry.exposition().decode()
    assert f'build_info{{kernels="{kernels.flavour}",version=' in exposition
