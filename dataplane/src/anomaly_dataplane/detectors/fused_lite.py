"""The `FusedLite` method: level, jump and range of `Fused`, for a third of its cost and state."""

from __future__ import annotations

from anomaly_dataplane.detectors import fused, jump, level, record, tail

SEEN = 0
LEVEL = 1
JUMP = LEVEL + level.SIZE
RECORD = JUMP + jump.SIZE
SIZE = RECORD + record.SIZE

FAMILIES = ("level", "jump", "range")


def step(s: memoryview[float], o: int, x: float) -> tuple[float, int, int, float]:
    """Score a sample, then learn it: `steps.step`."""
    t = s[o + SEEN]
    if t == 0.0:
        level.start(s, o + LEVEL, x)
        jump.start(s, o + JUMP, x)
        record.start(s, o + RECORD, x)
    s[o + SEEN] = t + 1.0
    rate = 1.0 / min(t + 1.0, tail.HORIZON)
    score = best = 0.0
    family = fused.NO_FAMILY
    vote = level.evidence(s, o + LEVEL, x, t, rate) - fused.EVIDENCE_OFFSET
    if vote > 0.0:
        score = best = vote
        family = 0
    vote = jump.evidence(s, o + JUMP, x, t) - fused.EVIDENCE_OFFSET
    if vote > 0.0:
        score += vote
        if vote > best:
            best = vote
            family = 1
    vote = record.evidence(s, o + RECORD, x, t) - fused.EVIDENCE_OFFSET
    if vote > 0.0:
        score += vote
        if vote > best:
            best = vote
            family = 2
    return score, family, -1, best / score if score > 0.0 else 0.0
