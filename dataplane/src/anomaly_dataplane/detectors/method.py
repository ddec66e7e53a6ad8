"""What raises anomalies: methods, by name.

A method keeps its fields in its slice of the block and works on them in place: it scores a sample,
then learns it. Whether the score becomes an anomaly is decided by `alarm.py`, the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors import fused
from anomaly_dataplane.state.layout import Layout

NOTHING_WRITTEN = -1


class Step(Protocol):
    """Scores one sample, then learns it, in place."""

    def __call__(
        self,
        block: memoryview[float],
        hot: int,
        cold: int,
        seconds: float,
        value: float,
        deviation: float,
    ) -> tuple[float, int, int]:
        """Score and learn.

        Args:
            block: holds the method's fields.
            hot: where the hot fields start.
            cold: where the cold ones start.
            seconds: Unix time of the sample.
            value: finite.
            deviation: |z| where it counts by the rules of the outlier, else 0.

        Returns:
            The score (0 or more), the position in `families` of what won (-1: nothing), and the
            cold piece that was written (NOTHING_WRITTEN: none).
        """
        ...


@dataclass(frozen=True, slots=True)
class Method:
    """One way to raise anomalies.

    Attributes:
        number: in the shape of its blocks; never given to another method.
        hot: float64 of its slice that change with every sample.
        cold: float64 that change now and then, in pieces of `cold_piece`.
        families: names of the evidence it can win by.
    """

    number: int
    hot: int
    cold: int
    cold_piece: int
    families: tuple[str, ...]
    step: Step

    def layout(self, window: int) -> Layout:
        """The layout of blocks for this method."""
        return Layout(window, self.number, self.hot, self.cold)


def _zscore(
    block: memoryview[float], hot: int, cold: int, seconds: float, value: float, deviation: float
) -> tuple[float, int, int]:
    """The plain rule: an outlier is what raises anomalies."""
    return deviation, 0, NOTHING_WRITTEN


METHODS: Mapping[Name, Method] = {
    Name.ZSCORE: Method(0, 0, 0, 1, ("zscore",), _zscore),
    Name.FUSED: Method(
        1, fused.SIZE, fused.COLD_SIZE, fused.COLD_PIECE, fused.FAMILIES, fused.step
    ),
}
