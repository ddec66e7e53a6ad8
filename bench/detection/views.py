"""The smoothed NAB score: seven views of each file, nine thresholds, and their mean.

One score at one threshold hangs on two to four windows; this one moves by a tenth of that.
A view is a file of its own, with a probation of its own: a window that lies wholly in it, as no
window of the published files does, cannot be found by anything and is left out of the view.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterator

from bench.detection.nab import Labelled, probation

SHARES = (0.885, 0.92, 0.95, 0.975, 1.0, 1.03, 1.07, 1.12, 1.19)
"""Of the nominal threshold."""


def views(file: Labelled) -> Iterator[Labelled]:
    """A file as it is, cut, thinned and with 5 % noise, with the windows that can be found."""
    for view in _views(file):
        first = probation(len(view.values))
        windows = [(a, b) for a, b in view.windows if b >= first]
        yield Labelled(view.name, view.seconds, view.values, windows)


def _views(file: Labelled) -> Iterator[Labelled]:
    yield file
    yield _cut(file, 100)
    yield _cut(file, 300)
    values, seconds = file.values, file.seconds
    pairs = range(0, len(values) - 1, 2)
    yield _thinned(file, [0.5 * (values[i] + values[i + 1]) for i in pairs], list(seconds[:-1:2]))
    yield _thinned(file, list(values[::2]), list(seconds[::2]))
    yield _thinned(file, list(values[1::2]), list(seconds[1::2]))
    dice, spread = random.Random(file.name), statistics.pstdev(values)  # noqa: S311  # data
    noisy = [value + dice.gauss(0.0, 0.05 * spread) for value in values]
    yield Labelled(file.name, seconds, noisy, file.windows)


def mean_over(score: Callable[[float, int], float], view_count: int = 7) -> float:
    """Mean of a score of (share of the threshold, number of the view)."""
    return statistics.fmean(score(share, view) for share in SHARES for view in range(view_count))


def _cut(file: Labelled, rows: int) -> Labelled:
    windows = [(max(a - rows, 0), b - rows) for a, b in file.windows if b >= rows]
    return Labelled(file.name, file.seconds[rows:], file.values[rows:], windows)


def _thinned(file: Labelled, values: list[float], seconds: list[float]) -> Labelled:
    last = len(values) - 1
    windows = [(min(a // 2, last), min(b // 2, last)) for a, b in file.windows]
    return Labelled(file.name, seconds, values, windows)
