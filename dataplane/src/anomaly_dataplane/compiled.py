"""Which source runs: the kernels as Cython compiled them, or the same files interpreted.

A kernel is a module with a `.pxd` of the same name beside it, which gives its variables C types.
The build (setup.py) compiles them all or none, and leaves a record of the sources that it compiled.
One module compiled and the next interpreted would not link, and a kernel compiled from sources that
have changed since would be tested in their place; so it is decided once for all, at the import of
this package, before any kernel is imported.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path

from anomaly_dataplane.contract.runtime import ENV_KERNELS

CYTHON = "cython"
PYTHON = "python"

RECORD = "compiled.json"
"""Written by the build beside this module."""

STAND_IN = "cdef inline "
"""What starts a line in the `.pxd` of a module that is not compiled: it stands in for it."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """What runs.

    Attributes:
        flavour: CYTHON or PYTHON.
        reason: why the kernels are interpreted although nobody asked for it, else empty.
    """

    flavour: str
    reason: str = ""


def choose(package: Path, environ: Mapping[str, str]) -> Kernels:
    """Decide what runs, and have it imported from now on.

    Interpreted if ANOMALY_KERNELS asks for it; a word that means nothing is for `settings.py` to
    refuse.
    """
    asked_for = environ.get(ENV_KERNELS) == PYTHON
    reason = "" if asked_for else obstacle(package)
    if not asked_for and not reason:
        return Kernels(CYTHON)
    for folder in {module.parent for module in modules(package)}:
        sys.path_importer_cache[str(folder)] = FileFinder(
            str(folder), (SourceFileLoader, SOURCE_SUFFIXES)
        )
    return Kernels(PYTHON, reason)


def obstacle(package: Path) -> str:
    """Why the kernels of this package cannot run compiled; empty if they can."""
    try:
        recorded = json.loads((package / RECORD).read_text())
    except FileNotFoundError:
        return "they were installed without; the build needs a C compiler and Python's headers"
    if recorded != digest(package):
        return "the sources have changed since; `make setup` compiles them anew"
    for module in modules(package):
        if not any(module.with_suffix(suffix).exists() for suffix in EXTENSION_SUFFIXES):
            return f"{module.stem} was not compiled for this Python"
    return ""


def modules(package: Path) -> list[Path]:
    """The sources that are compiled, in a settled order."""
    return [
        definition.with_suffix(".py")
        for definition in _definitions(package)
        if f"\n{STAND_IN}" not in definition.read_text()
    ]


def digest(package: Path) -> str:
    """What the compiled kernels depend on, as one number.

    Against forgetting to compile, not against an enemy: a checksum will do, and `hashlib` would
    bring OpenSSL (`openssl.py`).
    """
    number = 0
    for path in sources(package):
        number = zlib.crc32(f"{path.relative_to(package).as_posix()}\n".encode(), number)
        number = zlib.crc32(path.read_bytes(), number)
    return f"{number:08x}"


def sources(package: Path) -> list[Path]:
    """All files that kernels are compiled from."""
    definitions = _definitions(package)
    return [*definitions, *(definition.with_suffix(".py") for definition in definitions)]


def _definitions(package: Path) -> list[Path]:
    return sorted(package.rglob("*.pxd"))
