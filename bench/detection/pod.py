"""Runs a series through the kernel of the pods, its state written and read back now and then."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace

from anomaly_dataplane.contract.config import Detection, Ingest
from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors.kernel import score_group
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from anomaly_dataplane.state.layout import start

WINDOW = 120
RESTORED_EVERY = 100
"""Samples after which the state goes through bytes, as it does through Redis."""


def rules_for(name: Name, **changes: float) -> Rules:
    """The shipped rules of a method, but for what is changed."""
    detection = Detection(method=name)
    return replace(Rules.of(detection, Ingest()), **changes)  # type: ignore[arg-type]  # numbers all


def alarms(
    name: Name,
    seconds: Sequence[float],
    values: Sequence[float],
    rules: Rules,
    window: int = WINDOW,
) -> list[int]:
    """The rows at which a method raises an anomaly."""
    method = METHODS[name]
    layout = method.layout(window)
    state = bytearray(layout.size_bytes)
    start(memoryview(state).cast("d"), layout)
    book = Rulebook((replace(rules, lateness_ms=1e15),))
    times = array("d", _ascending(seconds))
    column = array("d", values)
    found: list[int] = []
    for first in range(0, len(values), RESTORED_EVERY):
        part = column[first : first + RESTORED_EVERY]
        state = bytearray(bytes(state))
        slots = array("i", [0]) * len(part)
        when = times[first : first + RESTORED_EVERY]
        slab = memoryview(state).cast("d")
        scores = score_group(slab, layout, method, slots, when, part, book)
        found += (first + i for i in scores.raised)
    return found


def _ascending(seconds: Sequence[float]) -> list[float]:
    """Milliseconds; a row that is not later than the one before comes a millisecond after it."""
    times: list[float] = []
    for at in seconds:
        time = 1000.0 * at
        times.append(time if not times or time > times[-1] else times[-1] + 1.0)
    return times
