"""A series as a curve of few points that still shows every spike. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def thinned(
    times: Sequence[float], values: Sequence[float], buckets: int
) -> list[tuple[float, float]]:
    """The lowest and the highest sample of each of `buckets` equal stretches, in order of time."""
    size = len(times)
    if size <= 2 * buckets:
        return list(zip(times, values, strict=True))
    points = []
    for bucket in range(buckets):
        stretch = range(size * bucket // buckets, size * (bucket + 1) // buckets)
        low = min(stretch, key=values.__getitem__)
        high = max(stretch, key=values.__getitem__)
        points += [(times[i], values[i]) for i in sorted({low, high})]
    return points
