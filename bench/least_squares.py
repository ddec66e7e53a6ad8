"""Least squares with coefficients that are not negative: a cost is none, at worst."""

from __future__ import annotations

from collections.abc import Sequence

_SWEEPS = 20_000
_STILL = 1e-12


def non_negative(rows: Sequence[Sequence[float]], measured: Sequence[float]) -> list[float]:
    """Coefficients x >= 0 that make `rows` times x come closest to `measured`.

    Deviations count relative to what was measured, since 500 us and 5 us are known equally well.
    Coordinate descent: each coefficient in turn takes the value that is best given the others,
    which converges because the problem is convex.

    Args:
        rows: for each measurement, what each coefficient is multiplied with.
        measured: positive.
    """
    scaled = [[x / y for x in row] for row, y in zip(rows, measured, strict=True)]
    columns = list(zip(*scaled, strict=True))
    norms = [sum(x * x for x in column) for column in columns]
    found = [0.0] * len(columns)
    residual = [1.0] * len(scaled)  # what is not explained yet; all of it
    for _ in range(_SWEEPS):
        moved = 0.0
        for j, column in enumerate(columns):
            if not norms[j]:
                continue
            step = sum(x * r for x, r in zip(column, residual, strict=True)) / norms[j]
            new = max(0.0, found[j] + step)
            change, found[j] = new - found[j], new
            if change:
                residual = [r - change * x for r, x in zip(residual, column, strict=True)]
                moved = max(moved, abs(change) * norms[j] ** 0.5)
        if moved < _STILL:
            break
    return found
