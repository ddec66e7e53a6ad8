"""Evidence of changed dynamics: the error of a linear prediction learnt online.

An AR(8) filter by normalised least mean squares on robustly standardised values; the smoothed
absolute one-step error is the score.
"""

from __future__ import annotations

from anomaly_dataplane.detectors import baseline, tail

ORDER = 8

BASE = 0
SMOOTH = BASE + baseline.SIZE
WEIGHTS = SMOOTH + 1
PAST = WEIGHTS + ORDER
TAIL = PAST + ORDER
SIZE = TAIL + tail.SIZE

LEARNING_RATE = 0.05
SMOOTHING = 0.15


def start(s: memoryview[float], o: int, x: float) -> None:
    """Begin with the first value; the first prediction is that nothing changes."""
    s[o + BASE + baseline.MEAN] = x
    s[o + WEIGHTS] = 1.0


def evidence(s: memoryview[float], o: int, x: float, t: float, rate: float) -> float:
    """Evidence of `x`, then learn it."""
    one = baseline.scale(s, o + BASE)
    z = baseline.clip((x - s[o + BASE + baseline.MEAN]) / one, 8.0) if t > 0.0 else 0.0
    weights, past = o + WEIGHTS, o + PAST
    score = 0.0
    if t > ORDER:
        predicted = 0.0
        energy = 0.0
        for i in range(ORDER):
            predicted += s[weights + i] * s[past + i]
            energy += s[past + i] * s[past + i]
        error = z - predicted
        score = abs(error)
        gain = LEARNING_RATE * baseline.clip(error, 3.0) / (0.01 + energy)
        for i in range(ORDER):
            s[weights + i] += gain * s[past + i]
    for i in range(ORDER - 1, 0, -1):
        s[past + i] = s[past + i - 1]
    s[past] = z
    limit = baseline.CLIP_SCALES * one if t > 30.0 else baseline.UNLIMITED
    baseline.learn(s, o + BASE, x, rate, limit)
    s[o + SMOOTH] += max(1.0 / (t + 1.0), SMOOTHING) * (score - s[o + SMOOTH])
    return tail.evidence(s, o + TAIL, s[o + SMOOTH], t, tail.GAP, True)
