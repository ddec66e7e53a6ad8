"""The kernels alone, without pod and Redis: compiled against interpreted.

usage: python bench/kernels.py. Each flavour runs in a process of its own, by turns; a ratio is the
median of the ratios of the rounds, so that a noisy minute hits both sides of it.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

from anomaly_dataplane import KERNELS
from anomaly_dataplane.compiled import CYTHON, PYTHON
from anomaly_dataplane.contract.config import Detection, Ingest
from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.contract.runtime import ENV_KERNELS
from anomaly_dataplane.detectors.kernel import score_group
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from anomaly_dataplane.state.layout import start

ROUNDS = 3
SERIES = 500
WINDOW = 120
WARM_UP = 130
"""Samples a series before the clock starts: a full window, and the tails of `Fused` at work."""
SAMPLES = {CYTHON: 400, PYTHON: 20}
"""Samples a series that are measured; the interpreter needs as long for fewer."""
CASES = [(name, size) for name in (Name.FUSED, Name.ZSCORE) for size in (SERIES, 1)]

START_MS = 1_767_225_600_000.0
STEP_MS = 60_000.0


def measure(rounds: int = ROUNDS) -> dict[str, object]:
    """CPU a sample of both flavours.

    Returns:
        `ratio`: how many times faster compiled is than interpreted, for `Fused` called per group.
        `rows`: for each method and size of a group the nanoseconds a sample, and their ratio.

    Raises:
        RuntimeError: the kernels are not compiled, so that there is nothing to compare.
    """
    found = [(_run(CYTHON), _run(PYTHON)) for _ in range(rounds)]
    rows: list[dict[str, object]] = []
    ratios = []
    for i, (name, size) in enumerate(CASES):
        compiled = [nanoseconds[i] for nanoseconds, _ in found]
        interpreted = [nanoseconds[i] for _, nanoseconds in found]
        ratios.append(statistics.median(p / c for p, c in zip(interpreted, compiled, strict=True)))
        rows.append(
            {
                "method": name.value,
                "samples a call": size,
                "interpreted ns": round(statistics.median(interpreted)),
                "compiled ns": round(statistics.median(compiled)),
                "ratio": round(ratios[-1], 1),
            }
        )
    return {"ratio": round(ratios[0], 1), "rows": rows}


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """The rows as people read them."""
    head = list(rows[0])
    cells = [head, *([str(row[key]) for key in head] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    )


def _run(flavour: str) -> list[float]:
    """What a process of that flavour measures, in the order of CASES."""
    shown = subprocess.run(
        [sys.executable, str(Path(__file__)), "--here"],
        env={**os.environ, ENV_KERNELS: flavour},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    ran, nanoseconds = json.loads(shown)
    if ran != flavour:
        raise RuntimeError(f"the kernels run as {ran}, not {flavour}: see `make setup`")
    return [float(found) for found in nanoseconds]


def nanoseconds(name: Name, size: int) -> float:
    """CPU a sample in this process, in calls of `size` samples of different series."""
    method = METHODS[name]
    layout = method.layout(WINDOW)
    slab: memoryview[float] = memoryview(bytearray(SERIES * layout.size_bytes)).cast("d")
    for i in range(SERIES):
        start(slab[i * layout.doubles : (i + 1) * layout.doubles], layout)
    rules = Rulebook((Rules.of(Detection(method=name), Ingest()),))
    noise = random.Random(1)  # noqa: S311  # no secret depends on it
    values = [array("d", [noise.gauss(50.0, 3.0) for _ in range(SERIES)]) for _ in range(WARM_UP)]
    every = array("i", range(SERIES))
    for i in range(WARM_UP):
        times = array("d", [START_MS + i * STEP_MS]) * SERIES
        score_group(slab, layout, method, every, times, values[i], rules)
    groups = [every[first : first + size] for first in range(0, SERIES, size)]
    spent = 0.0
    for i in range(WARM_UP, WARM_UP + SAMPLES[KERNELS.flavour]):
        times = array("d", [START_MS + i * STEP_MS]) * size
        parts = [values[i % WARM_UP][first : first + size] for first in range(0, SERIES, size)]
        before = time.process_time()
        for slots, part in zip(groups, parts, strict=True):
            score_group(slab, layout, method, slots, times, part, rules)
        spent += time.process_time() - before
    return 1e9 * spent / (SERIES * SAMPLES[KERNELS.flavour])


if __name__ == "__main__":
    if sys.argv[1:] == ["--here"]:
        print(json.dumps([KERNELS.flavour, [nanoseconds(*case) for case in CASES]]))
    else:
        rows = measure()["rows"]
        assert isinstance(rows, list)
        print(table(rows))
