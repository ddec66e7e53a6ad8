"""What pods run on: the Python and the packages that the image would have, as far as they are here.

A Python that somebody compiled in haste takes up to half as much time again as one that a
distribution or the official image ships, so a benchmark on the first of the two measures what
nobody runs. Dependencies, our own wheel and the bytecode of both are installed as
Dockerfile.dataplane does it, in a folder of the cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from devcluster.command import run
from devcluster.errors import DevClusterError
from devcluster.paths import Cache
from devcluster.screen import step

SYSTEM = Path("/usr/bin/python3")
"""A distribution's own. The images are made of Debian's where no registry can be reached."""

OLDEST = (3, 11)

_ROOT = Path(__file__).parent.parent
_LOCK = _ROOT / "uv.lock"
_DATAPLANE = _ROOT / "dataplane"
_SOURCES = frozenset({".py", ".pxd", ".lua", ".toml", ".typed"})

_ASK = """
import json, sys, sysconfig, time
def loop():
    began, table = time.process_time(), {}
    for i in range(400_000):
        table[i & 255] = (i, str(i & 7))
    return (time.process_time() - began) / 400_000 * 1e9
print(json.dumps([
    list(sys.version_info[:3]),
    "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
    min(loop() for _ in range(5)),
    sys.base_prefix,
]))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python, and what it says of itself.

    Attributes:
        optimised: it says that it was built with profile-guided optimisation.
        loop_ns: of one turn of a small loop in pure Python: what two of them can be compared by.
    """

    program: Path
    version: tuple[int, ...]
    optimised: bool
    loop_ns: float
    prefix: str

    @property
    def shipped(self) -> bool:
        """Whether it is built as those that images have are: for speed."""
        # Debian's flags say nothing of the profile that its build is guided by.
        return self.optimised or self.prefix == "/usr"

    @property
    def number(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))

    def __str__(self) -> str:
        if self.optimised:
            built = "built with --enable-optimizations"
        elif self.shipped:
            built = "the distribution's build"
        else:
            built = "built without profile-guided optimisation"
        return f"Python {self.number}, {built}, {self.loop_ns:.0f} ns a turn of a plain loop"


@dataclass(frozen=True, slots=True)
class PodPython:
    """How to start a pod.

    Attributes:
        interpreter: that runs it.
        program: the interpreter as a virtual environment has it.
        environment: variables of a pod's process.
        note: what makes it differ from the image's; empty if nothing does.
    """

    interpreter: Interpreter
    program: Path
    environment: Mapping[str, str]
    note: str = ""


def ensure(cache: Cache) -> PodPython:
    """The best interpreter that is here, with the packages of the image."""
    here = asked(Path(sys.executable))
    chosen = choose(here, candidates(here))
    if not chosen.shipped:
        note = f"pods ran on {chosen}: slower than the image's, which is not here"
        return PodPython(here, Path(sys.executable), {}, note)
    try:
        return _installed(cache, chosen)
    except DevClusterError as error:
        note = f"pods ran on {here}, from this checkout, since an installation failed: {error}"
        return PodPython(here, Path(sys.executable), {}, note)


def choose(here: Interpreter, others: Iterator[Interpreter]) -> Interpreter:
    """This process's own if it is one that could ship, else the first other one that is."""
    if here.shipped:
        return here
    return next((other for other in others if other.shipped), here)


def candidates(here: Interpreter) -> Iterator[Interpreter]:
    """The interpreters outside this environment that could run a pod."""
    if SYSTEM.exists() and SYSTEM.resolve() != here.program.resolve():
        try:
            found = asked(SYSTEM)
        except BenchError:
            return
        if found.version >= OLDEST:
            yield found


def asked(program: Path) -> Interpreter:
    """What an interpreter says of itself.

    Raises:
        BenchError: it does not run.
    """
    try:
        done = subprocess.run(
            [str(program), "-I", "-c", _ASK], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"{program} does not run: {error}") from None
    version, optimised, loop_ns, prefix = json.loads(done.stdout)
    return Interpreter(program, tuple(version), optimised, loop_ns, prefix)


def _installed(cache: Cache, chosen: Interpreter) -> PodPython:
    folder = cache.folder("bench", "pods")
    number = "-".join(["python", *map(str, chosen.version)])
    venv = folder / f"{number}-{_hash([_LOCK], _ROOT)}"
    packages = folder / f"{number}-{_hash(_sources(), _DATAPLANE)}"
    _once(venv, "installing what pods depend on", lambda into: _dependencies(into, chosen))
    python = venv / "bin" / "python"
    _once(packages, "compiling the data plane", lambda into: _package(into, python))
    environment = {"PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}
    return PodPython(chosen, python, environment)


def _dependencies(into: Path, chosen: Interpreter) -> None:
    run(
        [
            *(_uv(), "sync", "--quiet", "--frozen", "--no-dev", "--no-install-workspace"),
            *("--package", "anomaly-dataplane", "--compile-bytecode"),
            *("--python", chosen.program, "--python-preference", "only-system"),
        ],
        env={"UV_PROJECT_ENVIRONMENT": str(into)},
        cwd=_ROOT,
    )


def _package(into: Path, python: Path) -> None:
    # Built from a copy: the kernels in the checkout belong to another interpreter.
    copy = into.with_name(f"{into.name}.source")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(_DATAPLANE, copy, ignore=shutil.ignore_patterns("*.so", "build", "*.egg-info"))
    try:
        run(
            [
                *(_uv(), "pip", "install", "--quiet", "--no-deps", "--no-cache"),
                *("--compile-bytecode", "--python", python, "--target", into, copy),
            ]
        )
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    reason = subprocess.run(
        [str(python), "-c", "import anomaly_dataplane; print(anomaly_dataplane.KERNELS.reason)"],
        env={**os.environ, "PYTHONPATH": str(into)},
        capture_output=True,
        text=True,
        check=False,
    )
    if said := (reason.stdout + reason.stderr).strip():
        raise DevClusterError(said)


def _once(folder: Path, words: str, make: Callable[[Path], None]) -> None:
    """Make a folder of the cache if it is not there, whole or not at all.

    A virtual environment knows where it lies, so it is made in its place and marked when done.
    """
    mark = folder.with_name(f"{folder.name}.done")
    if mark.exists() and folder.exists():
        return
    mark.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    with step(words):
        make(folder)
    mark.touch()


def _sources() -> list[Path]:
    """All files that our wheel is made of."""
    return [p for p in _DATAPLANE.rglob("*") if p.suffix in _SOURCES and "build" not in p.parts]


def _hash(paths: list[Path], root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _uv() -> str:
    found = os.environ.get("UV") or shutil.which("uv")
    if not found:
        raise DevClusterError("uv is not here; `make bench` brings it")
    return found
