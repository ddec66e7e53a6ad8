"""One sample through a method, by the method's number: a branch each, so that it compiles.

All but ZScore, which keeps nothing: its score is the deviation that `kernel.py` measures anyway.
"""

from __future__ import annotations

from anomaly_dataplane.detectors import alone, fused, fused_lite
from anomaly_dataplane.detectors.families import FUSED, FUSED_LITE


def step(
    method: int,
    block: memoryview[float],
    hot: int,
    cold: int,
    ring: int,
    held: int,
    seconds: float,
    value: float,
) -> tuple[float, int, int, float]:
    """Score a sample, then learn it, in place on the method's fields.

    Args:
        method: its number.
        block: holds the method's fields.
        hot: where the hot fields start.
        cold: where the cold ones start.
        ring: where the ring starts.
        held: samples in it, this one not among them.
        seconds: local time of the sample.
        value: finite.

    Returns:
        The score (0 or more), the position in `Method.families` of what won (-1: nothing), the
        cold piece that was written (-1: none), and the share of the score that is
        the winner's.
    """
    if method == FUSED:
        return fused.step(block, hot, cold, seconds, value)
    if method == FUSED_LITE:
        return fused_lite.step(block, hot, value)
    return alone.step(method, block, hot, cold, ring, held, seconds, value)
