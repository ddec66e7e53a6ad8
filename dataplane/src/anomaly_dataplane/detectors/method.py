"""What raises anomalies: methods, by name.

A method keeps its fields in its slice of the block and works on them in place: it scores a sample,
then learns it. Whether the score becomes an anomaly is decided by `alarm.py`, the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors import (
    families,
    fused,
    fused_lite,
    jump,
    level,
    record,
    robust,
    seasonal,
    volatility,
)
from anomaly_dataplane.state.layout import Layout


@dataclass(frozen=True, slots=True)
class Method:
    """One way to raise anomalies.

    Attributes:
        name: in the config and in events.
        number: in the shape of its blocks and in `steps.step`; never given to another method.
        hot: float64 of its slice that change with every sample.
        cold: float64 that change now and then, in pieces of `cold_piece`.
        families: names of the evidence it can win by.
        added: of the hot ones the last, which blocks of layout number 3 and before lack.
    """

    name: Name
    number: int
    hot: int
    cold: int
    cold_piece: int
    families: tuple[str, ...]
    added: int = 0

    def layout(self, window: int) -> Layout:
        """The layout of blocks for this method."""
        return Layout(window, self.number, self.hot, self.cold)


def _alone(name: Name, number: int, fields: int, family: str, cold: int = 0) -> Method:
    """A family as a method."""
    return Method(
        name, number, families.FIELDS + fields, cold, fused.COLD_PIECE if cold else 1, (family,)
    )


_ALL = (
    Method(Name.ZSCORE, families.ZSCORE, 0, 0, 1, ("zscore",)),
    Method(
        Name.FUSED,
        families.FUSED,
        fused.SIZE,
        fused.COLD_SIZE,
        fused.COLD_PIECE,
        fused.FAMILIES,
        fused.ADDED,
    ),
    Method(
        Name.FUSED_LITE,
        families.FUSED_LITE,
        fused_lite.SIZE,
        0,
        1,
        fused_lite.FAMILIES,
        fused_lite.ADDED,
    ),
    _alone(Name.JUMP, families.JUMP, jump.SIZE, "jump"),
    _alone(Name.LEVEL, families.LEVEL, level.SIZE, "level"),
    _alone(Name.SEASONAL, families.SEASONAL, seasonal.SIZE, "seasonal", seasonal.COLD_SIZE),
    _alone(Name.VOLATILITY, families.VOLATILITY, volatility.SIZE, "volatility"),
    _alone(Name.RANGE, families.RANGE, record.SIZE, "range"),
    _alone(Name.ROBUST_MAD, families.ROBUST, robust.SIZE, "robust"),
)

METHODS: Mapping[Name, Method] = {method.name: method for method in _ALL}
