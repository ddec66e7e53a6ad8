"""What scoring a group gives: columns, a place a sample, and rows, one a changed series."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

UNCHANGED = -1
"""In `Scores.rows`: the sample changed no block. In `Changes.last_piece`: no piece was written."""


@dataclass(slots=True)
class Changes:
    """What a group changed, besides the hot scalars: a row a changed block, by first change.

    Attributes:
        slots: which block.
        count_before: COUNT before the group.
        first_piece, last_piece: of the method's cold pieces that were written; UNCHANGED if none.
        outliers: samples of the group that are outliers of this series.
    """

    slots: array[int]
    count_before: array[int]
    first_piece: array[int]
    last_piece: array[int]
    outliers: array[int]


@dataclass(slots=True)
class Scores:
    """Columns of a group's results, what raised an anomaly, and what has changed.

    Attributes:
        codes: one `Code` a sample.
        z, mean, std, n: of the window before the sample; 0 where it was not scored.
        rows: the sample's row in `changes`; UNCHANGED for repeats and late ones.
        raised: position -> (score, position in the method's families).
    """

    codes: bytearray
    z: array[float]
    mean: array[float]
    std: array[float]
    n: array[int]
    rows: array[int]
    raised: dict[int, tuple[float, int]]
    changes: Changes
