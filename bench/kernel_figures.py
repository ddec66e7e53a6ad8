"""The figures of `bench/kernels.py`, which measures the kernels without pod and Redis."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping

from bench.errors import BenchError


def kernels() -> Mapping[str, object] | None:
    """What its `measure()` returns; None where this build has no such module.

    It is a mapping: `ratio` is how many times faster compiled is than interpreted, `rows` (a
    sequence of mappings with the same keys) is the table to print.

    Raises:
        BenchError: the kernels are not compiled.
    """
    if importlib.util.find_spec("bench.kernels") is None:
        return None
    try:
        measured: Mapping[str, object] = importlib.import_module("bench.kernels").measure()
    except RuntimeError as error:
        raise BenchError(str(error)) from None
    return measured
