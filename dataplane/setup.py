"""Compiles the kernels. The rest of the build is in pyproject.toml.

A kernel is a module with a `.pxd` beside it (`anomaly_dataplane/compiled.py`). Without a C compiler
the package is installed all the same, and its kernels run interpreted. With
ANOMALY_WITHOUT_KERNELS=1 nothing is compiled: the operator needs no kernel.

Record: checksum. uv runs this anew when this file has changed, not when `compiled.py` has, so
another kind of record is to be named here, too.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCES = Path("src")
PACKAGE = SOURCES / "anomaly_dataplane"

sys.path.insert(0, str(SOURCES.absolute()))
from anomaly_dataplane import compiled  # noqa: E402  # found by the line above

C_FLAGS = [
    "-O3",
    "-g0",
    # Bit for bit what the interpreter computes: no fused multiply-add, and logarithms always by
    # the C library, which may round a constant's otherwise than the compiler does.
    "-ffp-contract=off",
    "-fno-builtin-log",
    "-fno-builtin-log10",
    "-fno-math-errno",
]

DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,  # the types are in the .pxd files, all of them
    "infer_types": True,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,  # no kernel divides by what may be 0, or takes % of what may be negative
}


class BuildKernels(build_ext):
    """Compile all kernels or none, and leave the record of it that `compiled.py` reads."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.force = True
        self.parallel = os.cpu_count() or 1

    def run(self) -> None:
        target = PACKAGE if self.inplace else Path(self.build_lib) / PACKAGE.name
        record = target / compiled.RECORD
        record.unlink(missing_ok=True)
        self.translate()
        super().run()
        names = [extension.name for extension in self.extensions]
        if names and all(Path(self.get_ext_fullpath(name)).exists() for name in names):
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(json.dumps(compiled.digest(PACKAGE)))

    def translate(self) -> None:
        """From Python to C; here, since setup.py runs several times in one installation."""
        translated = cythonize(
            self.extensions,
            include_path=[str(SOURCES)],
            compiler_directives=DIRECTIVES,
            build_dir="build",
            force=True,
            nthreads=os.cpu_count() or 1,
            quiet=True,
        )
        for extension, in_c in zip(self.extensions, translated, strict=True):
            extension.sources = in_c.sources


def kernels() -> list[Extension]:
    """The extensions to build."""
    if os.environ.get("ANOMALY_WITHOUT_KERNELS"):
        return []
    return [
        Extension(
            ".".join(module.relative_to(SOURCES).with_suffix("").parts),
            [str(module)],
            extra_compile_args=C_FLAGS,
            optional=True,
        )
        for module in compiled.modules(PACKAGE)
    ]


setup(ext_modules=kernels(), cmdclass={"build_ext": BuildKernels})
