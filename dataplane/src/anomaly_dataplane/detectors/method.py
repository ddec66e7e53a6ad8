"""What raises anomalies: methods, by name.

A method keeps its fields in its slice of the block and works on them in place: it scores a sample,
then learns it. Whether the score becomes an anomaly is decided by `alarm.py`, the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors import fused
from anomaly_dataplane.state.layout import Layout

ZSCORE_NUMBER = 0
FUSED_NUMBER = 1


@dataclass(frozen=True, slots=True)
class Method:
    """One way to raise anomalies.

    Attributes:
        name: in the config and in events.
        number: in the shape of its blocks and in `steps.step`; never given to another method.
        hot: float64 of its slice that change with every sample.
        cold: float64 that change now and then, in pieces of `cold_piece`.
        families: names of the evidence it can win by.
    """

    name: Name
    number: int
    hot: int
    cold: int
    cold_piece: int
    families: tuple[str, ...]

    def layout(self, window: int) -> Layout:
        """The layout of blocks for this method."""
        return Layout(window, self.number, self.hot, self.cold)


_ALL = (
    Method(Name.ZSCORE, ZSCORE_NUMBER, 0, 0, 1, ("zscore",)),
    Method(Name.FUSED, FUSED_NUMBER, fused.SIZE, fused.COLD_SIZE, fused.COLD_PIECE, fused.FAMILIES),
)

METHODS: Mapping[Name, Method] = {method.name: method for method in _ALL}
