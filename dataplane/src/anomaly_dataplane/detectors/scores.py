"""What scoring a group gives: columns, a place a sample, and rows, one a changed series."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

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
        unlearnt: samples of the group that were taken and left no trace in COUNT.
        restarted: whether all of the block is to be written.
    """

    slots: array[int]
    count_before: array[int]
    first_piece: array[int]
    last_piece: array[int]
    outliers: array[int]
    unlearnt: array[int]
    restarted: bytearray


class Raised(NamedTuple):
    """Why a sample raised an event.

    Attributes:
        score: the method's.
        family: position in the method's families of what won; OUT_OF_RANGE in place of one.
        weight: share of the score that is the family's.
        threshold: that the score had to reach.
        above: the side of the episode.
        episode: Unix milliseconds of its first event.
        value: that was scored.
    """

    score: float
    family: int
    weight: float
    threshold: float
    above: bool
    episode: float
    value: float


class Ended(NamedTuple):
    """An episode that a sample ended.

    Attributes:
        position: of the sample in the group.
        how: one of the numbers below.
        family: that won when it was raised.
        above, episode: as above; of a silence it is the time of the last sample before.
        score, threshold, value: of the sample.
    """

    position: int
    how: int
    family: int
    above: bool
    episode: float
    score: float
    threshold: float
    value: float


EVENT_NUMBERS = 8
"""Numbers that an event takes."""

CALM, NEW_NORMAL, REPORTING, RESTARTED, ENDED = 2, 3, 4, 5, 6
"""How an episode ends; the first two as in `alarm.py`."""


@dataclass(slots=True)
class Scores:
    """Columns of a group's results, what raised an anomaly, and what has changed.

    Attributes:
        codes: one `Code` a sample.
        z, mean, std, n: of the window before the sample; 0 where it was not scored.
        rows: the sample's row in `changes`; UNCHANGED for repeats and late ones.
        raised_numbers, ended_numbers: EVENT_NUMBERS for each event, in order of position: the
            sample's position and the fields of `Raised`; those of `Ended`. Numbers, since a
            threshold of 2 sigma makes many.
    """

    codes: bytearray
    z: array[float]
    mean: array[float]
    std: array[float]
    n: array[int]
    rows: array[int]
    raised_numbers: array[float]
    ended_numbers: array[float]
    changes: Changes

    @property
    def raised(self) -> dict[int, Raised]:
        """What raised events, by position."""
        return {
            int(i): Raised(score, int(family), weight, threshold, above != 0.0, episode, value)
            for i, score, family, weight, threshold, above, episode, value in _rows(
                self.raised_numbers
            )
        }

    @property
    def ended(self) -> list[Ended]:
        """What ended episodes, in order of position."""
        return [
            Ended(int(i), int(how), int(family), above != 0.0, episode, score, threshold, value)
            for i, how, family, above, episode, score, threshold, value in _rows(self.ended_numbers)
        ]


def _rows(numbers: array[float]) -> Iterator[tuple[float, ...]]:
    """The events of a column."""
    return zip(*[iter(numbers)] * EVENT_NUMBERS, strict=True)
