"""The programs that take part: the Go baseline and the load generator, built once for each state
of `go/`, and the Python that pods run on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from bench import interpreter
from bench.interpreter import PodPython
from devcluster.command import download, run
from devcluster.golang import build_environment, go_command
from devcluster.paths import Cache
from devcluster.screen import step

SOURCES = Path(__file__).parent / "go"
_NAMES = ("gopeer", "loadgen")


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of the built programs, the compiler's version, and how to start a pod."""

    gopeer: Path
    loadgen: Path
    go_version: str
    python: PodPython


def ensure(cache: Cache) -> Programs:
    """Build what is not yet built; the folder is named after a hash of the sources."""
    folder = cache.folder("bench", "bin", source_hash(SOURCES))
    missing = [name for name in _NAMES if not (folder / name).exists()]
    version = folder / "go-version"
    if missing or not version.exists():
        with step("building the Go programs of the benchmark"):
            _build(cache, folder, version)
    gopeer, loadgen = (folder / name for name in _NAMES)
    return Programs(gopeer, loadgen, version.read_text().strip(), interpreter.ensure(cache))


def source_hash(sources: Path) -> str:
    """A short hash of all that decides the programs."""
    digest = hashlib.sha256()
    for path in sorted(sources.rglob("*")):
        if path.name in {"go.mod", "go.sum"} or path.suffix == ".go":
            digest.update(str(path.relative_to(sources)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _build(cache: Cache, folder: Path, version: Path) -> None:
    go = go_command(cache)
    partial = folder / f".building-{os.getpid()}"
    partial.mkdir(exist_ok=True)
    try:
        packages = [f"./{name}" for name in _NAMES]
        argv = [str(go), "build", "-mod=readonly", "-trimpath", "-o", f"{partial}/", *packages]
        download(argv, env=build_environment(), cwd=SOURCES, log=cache.logs / "bench-go-build.log")
        for name in _NAMES:
            (partial / name).rename(folder / name)
        version.write_text(run([go, "version"], env=build_environment(), cwd=SOURCES))
    finally:
        shutil.rmtree(partial, ignore_errors=True)
