"""Evidence of changed volatility: the log of a short variance against its own baseline."""

from __future__ import annotations

import math

from anomaly_dataplane.detectors import baseline, tail

SHORT_MEAN = 0
SHORT_VARIANCE = 1
BASE = 2
TAIL = BASE + baseline.SIZE
SIZE = TAIL + tail.SIZE

ALPHA = 0.07
BASE_FROM = 30.0
SCORE_FROM = 60.0


def start(s: memoryview[float], o: int, x: float) -> None:
    """Begin with the first value."""
    s[o + SHORT_MEAN] = x


def evidence(s: memoryview[float], o: int, x: float, t: float, global_variance: float) -> float:
    """Evidence of `x`, then learn it."""
    error = x - s[o + SHORT_MEAN]
    s[o + SHORT_MEAN] += ALPHA * error
    variance = (1.0 - ALPHA) * (s[o + SHORT_VARIANCE] + ALPHA * error * error)
    s[o + SHORT_VARIANCE] = variance
    log_variance = math.log(variance + 1e-3 * global_variance + 1e-12)
    score = 0.0
    if t == BASE_FROM:
        s[o + BASE + baseline.MEAN] = log_variance
    elif t > BASE_FROM:
        one = baseline.STD_PER_DEVIATION * s[o + BASE + baseline.DEVIATION] + 1e-2
        limit = baseline.UNLIMITED
        if t > SCORE_FROM:
            score = abs(log_variance - s[o + BASE + baseline.MEAN]) / one
            limit = baseline.CLIP_SCALES * one
        rate = 1.0 / min(t - BASE_FROM + 1.0, tail.HORIZON)
        baseline.learn(s, o + BASE, log_variance, rate, limit)
    return tail.evidence(s, o + TAIL, score, t, tail.GAP, True)
