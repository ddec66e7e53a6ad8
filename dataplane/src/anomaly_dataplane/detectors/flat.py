"""Evidence of a flat line: more repeats of one value in a row than this series is known for.

A stuck sensor or a stale cache sends what it sent before. A run of r repeats has the probability
p**r, p being the share of repeats; since repeats come in bursts, it must also be twice as long as
the second longest run so far, which is forgotten only where repeats are rare. A value at the edge
of all that was seen may rest there: nothing to count, a valve that is shut.
"""

from __future__ import annotations

import math

RUN = 0  # repeats in a row, up to now
LONGEST = 1  # of the runs that have ended
SECOND = 2
SHARE = 3  # of the samples that repeat the one before
SIZE = 4

WARM_UP = 100.0
HORIZON = 2000.0
LEAST_SHARE = 0.1
"""No repeat is rarer than this: it takes seven, eight equal values in a row, for this family to
raise an anomaly by itself at the usual threshold."""
FORGETTING = 1.0 - 1.0 / HORIZON
"""Of runs, a sample, where repeats are rarer than LEAST_SHARE; others may come each night."""
FORGOTTEN = 0.5
"""A run shorter than one repeat: forgetting ends here, before numbers too small to be fast."""
LEAST_CHANGES = 50.0
"""Samples within the horizon that repeat nothing, for a run to be something else than usual."""
TIMES = 2.0
CAP = 12.0


def evidence(
    s: memoryview[float], o: int, x: float, t: float, previous: float, low: float, high: float
) -> float:
    """Evidence of `x`, then learn it.

    Args:
        s: the block.
        o: where this family's fields start.
        x: the value.
        t: what this family has seen.
        previous: the one before.
        low: least value so far.
        high: greatest.
    """
    share = s[o + SHARE]
    rate = 1.0 / min(t + 1.0, HORIZON)
    run = s[o + RUN]
    if share < LEAST_SHARE and s[o + LONGEST] > FORGOTTEN:
        s[o + LONGEST] *= FORGETTING
        s[o + SECOND] *= FORGETTING
    if x != previous or t == 0.0:
        s[o + SHARE] = share - rate * share
        if run > 0.0:
            s[o + RUN] = 0.0
            if run > s[o + LONGEST]:
                s[o + SECOND] = s[o + LONGEST]
                s[o + LONGEST] = run
            elif run > s[o + SECOND]:
                s[o + SECOND] = run
        return 0.0
    run += 1.0
    s[o + RUN] = run
    s[o + SHARE] = share + rate * (1.0 - share)
    if t < WARM_UP or not low < x < high or run <= TIMES * s[o + SECOND]:
        return 0.0
    if (1.0 - share) * min(t, HORIZON) < LEAST_CHANGES:
        return 0.0
    return min(-run * math.log10(max(share, LEAST_SHARE)), CAP)
