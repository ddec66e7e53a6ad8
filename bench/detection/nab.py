"""The published scoring of NAB, the Numenta Anomaly Benchmark, and its files.

A detection in a labelled window earns more the earlier it is; one outside costs more the further
it is behind the last window. docs/detection.md has the formulas.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Profile:
    """What a window found, a false detection and a window missed are worth."""

    found: float
    false: float
    missed: float


PROFILES = {
    "standard": Profile(1.0, 0.11, 1.0),
    "low FP": Profile(1.0, 0.22, 1.0),
    "low FN": Profile(1.0, 0.11, 2.0),
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A series and its labelled windows.

    Attributes:
        seconds: Unix time of each row.
        windows: first and last row of each.
    """

    name: str
    seconds: Sequence[float]
    values: Sequence[float]
    windows: Sequence[tuple[int, int]]


LABELS = "labels/combined_windows.json"


def load(folder: Path) -> list[Labelled]:
    """All files of a folder that have labels, in order of name."""
    labels = json.loads((folder / LABELS).read_text())
    return [
        _read(path, name, windows)
        for name, windows in sorted(labels.items())
        if (path := folder / "data" / name).exists()
    ]


def probation(rows: int) -> int:
    """Rows at the start in which nothing counts."""
    return min(math.floor(0.15 * rows), 750)


def points(
    rows: int, windows: Sequence[tuple[int, int]], detections: Iterable[int], profile: Profile
) -> float:
    """The raw score of one file."""
    counted = sorted(i for i in detections if i >= probation(rows))
    total = 0.0
    best = dict.fromkeys(windows, -profile.missed)
    for i in counted:
        inside = next(((a, b) for a, b in windows if a <= i <= b), None)
        if inside is not None:
            a, b = inside
            earned = profile.found * _sigmoid(-(b - i + 1) / (b - a + 1)) / _sigmoid(-1.0)
            best[inside] = max(best[inside], earned)
            continue
        over = [(a, b) for a, b in windows if b < i]
        if over:
            a, b = max(over, key=lambda window: window[1])
            total += profile.false * _sigmoid((i - b) / max(b - a, 1))
        else:
            total -= profile.false
    return total + sum(best.values())


def score(files: Sequence[tuple[Labelled, Iterable[int]]], profile: Profile) -> float:
    """The score of detections over many files: 0 of none at all, 100 of perfect ones."""
    windows = sum(len(file.windows) for file, _ in files)
    raw = sum(points(len(file.values), file.windows, found, profile) for file, found in files)
    null, perfect = -profile.missed * windows, profile.found * windows
    return 100.0 * (raw - null) / (perfect - null)


def _sigmoid(y: float) -> float:
    return -1.0 if y > 3.0 else 2.0 / (1.0 + math.exp(5.0 * y)) - 1.0


def _read(path: Path, name: str, windows: Sequence[Sequence[str]]) -> Labelled:
    with path.open(newline="") as file:
        rows = [(_seconds(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)]
    seconds = [at for at, _ in rows]
    spans = [(_seconds(start), _seconds(end)) for start, end in windows]
    inside = [[i for i, at in enumerate(seconds) if start <= at <= end] for start, end in spans]
    bounds = [(rows[0], rows[-1]) for rows in inside if rows]
    return Labelled(name, seconds, [value for _, value in rows], bounds)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
