"""The `FusedLite` method: level, jump, range and flat line of `Fused`, for half of its cost."""

from __future__ import annotations

from anomaly_dataplane.detectors import flat, fused, jump, level, record

SEEN = 0
LEVEL = 1
JUMP = LEVEL + level.SIZE
RECORD = JUMP + jump.SIZE
SINCE = RECORD + record.SIZE  # samples that flat lines were looked for in
FLAT = SINCE + 1
SIZE = FLAT + flat.SIZE
ADDED = SIZE - SINCE
"""Fields that blocks of layout number 3 lack."""

FAMILIES = ("level", "jump", "range", "flat")


def step(s: memoryview[float], o: int, x: float) -> tuple[float, int, int, float]:
    """Score a sample, then learn it: `steps.step`."""
    t = s[o + SEEN]
    if t == 0.0:
        jump.start(s, o + JUMP, x)
        record.start(s, o + RECORD, x)
    s[o + SEEN] = t + 1.0
    since = s[o + SINCE]
    s[o + SINCE] = since + 1.0
    previous = s[o + JUMP + jump.PREVIOUS]
    score = best = 0.0
    family = fused.NO_FAMILY
    vote = level.quick(s, o + LEVEL, x, t, False) - fused.EVIDENCE_OFFSET
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
        vote = min(vote, record.most(t) - fused.EVIDENCE_OFFSET)
        score += vote
        if vote > best:
            best = vote
            family = 2
    low, high = s[o + RECORD + record.LOW], s[o + RECORD + record.HIGH]
    vote = flat.evidence(s, o + FLAT, x, since, previous, low, high) - fused.EVIDENCE_OFFSET
    if vote > 0.0:
        score += vote
        if vote > best:
            best = vote
            family = 3
    return score, family, -1, best / score if score > 0.0 else 0.0
