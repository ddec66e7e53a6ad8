"""Packages of which a pod needs a few modules only: the rest is imported when it is asked for.

`aiohttp` imports its client, `prometheus_client` a web server or two, and a pod that serves has no
use for either: six megabytes of the memory that series could have. `run.py` calls `slim` before
anything imports them. Nobody who imports them need know: their modules are found as ever,
and the first use of any other name runs the package's own `__init__`.
"""

from __future__ import annotations

import os
import re
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType

_PACKAGES = ("aiohttp", "prometheus_client")
_NO_EXTENSION = "FROZENLIST_NO_EXTENSIONS"

_VERSION = re.compile(r"""^__version__ = ["']([^"'\\]+)["']$""", re.MULTILINE)


def slim() -> None:
    """Have this process import no more than a pod needs."""
    # Lists of a few middlewares and signals: their extension brings the library of C++.
    os.environ.setdefault(_NO_EXTENSION, "1")
    for package in _PACKAGES:
        defer(package)


class _Deferred(ModuleType):
    """A package whose `__init__` has not run yet."""

    def __getattr__(self, name: str) -> object:
        # The import system asks for modules in this way, too; it finds them by itself then.
        if name.startswith("__") or find_spec(f"{self.__name__}.{name}") is not None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.__class__ = ModuleType  # type: ignore[assignment]
        spec = self.__spec__
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(self)
        return getattr(self, name)


def defer(package: str) -> bool:
    """Have a package's `__init__` run when it is first needed; tells whether that is so now."""
    if package in sys.modules:
        return isinstance(sys.modules[package], _Deferred)
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        return False
    module = module_from_spec(spec)
    if version := _version(spec):
        module.__dict__["__version__"] = version
    module.__class__ = _Deferred
    sys.modules[package] = module
    return True


def _version(spec: ModuleSpec) -> str:
    """What the package says of itself, by its source: its own modules ask for it."""
    if not spec.has_location or spec.origin is None:
        return ""
    found = _VERSION.search(Path(spec.origin).read_text(encoding="utf-8"))
    return found[1] if found else ""
