"""A burst of real load on this machine: busy cores, loopback traffic and memory, for some seconds.

`replay` starts it in the middle of the live readings; `findings` is told when it was.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.processes import running

_ROOT = Path(__file__).parent.parent
_MOST_CORES = 16


@dataclass(frozen=True, slots=True)
class Burst:
    """When the load was on, in Unix seconds, from the command that starts it."""

    started: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it was on."""
        return self.ended - self.started


@contextmanager
def load(seconds: float) -> Iterator[None]:
    """Load the machine while the body runs, for `seconds` at most even if nobody stops it."""
    cores = min(os.cpu_count() or 1, _MOST_CORES)
    kinds = ["memory", "network", *["cpu"] * cores]
    with ExitStack() as stack:
        for kind in kinds:
            argv = [sys.executable, "-m", "demo.load", kind, str(seconds + 1)]
            stack.enter_context(running(argv, env={"PYTHONPATH": str(_ROOT)}))
        yield
