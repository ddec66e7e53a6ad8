"""From a raw score to evidence: -log10 of how rare such a score is for this series.

Robbins-Monro estimate of the 95 % quantile, exponential tail of the declustered excesses over it
(peaks over threshold: Siffer et al., KDD 2017, with the exponential case of the tail). Its mean is
known from a few excesses only, so rarity is that of the predictive distribution, whose tail is
heavier: (1 + y/n)**-n in place of exp(-y) after n excesses.

The same two numbers tell how the tail bends: a mean excess that is large for the quantile means a
heavy one. A shaped tail is that of the Weibull distribution whose hazard at the quantile is one
over the mean excess: an exponent of about 1.7 for Gaussian scores, of a third for those of Pareto.
"""

from __future__ import annotations

import math

QUANTILE = 0
MEAN_EXCESS = 1
MEAN_SCORE = 2
EXCESSES = 3
LAST_EXCESS = 4
SIZE = 5

KNOWN = 2.0
"""Excesses that a tail is taken to know beyond those it saw: the prior."""
MOST_KNOWN = 50.0
"""As many as the mean excess remembers."""

HORIZON = 2000.0
"""Forgetting of baselines and calibrators, in samples."""
TAIL_SHARE = 0.05
TAIL_EVIDENCE = -math.log10(TAIL_SHARE)
TAIL_NATS = -math.log(TAIL_SHARE)
LIGHTER = 0.6
"""Share of what the shape is beyond 1 that is believed: it is known from a few excesses."""
MOST_SHAPE = 2.0
"""That of Gaussian scores; nothing that is measured has a lighter tail."""
FAR = 1e100
"""Quantiles beyond which a score is no rarer, so that powers are finite."""
EVIDENCE_CAP = 12.0
WARM_UP = 100.0
GAP = 20.0
"""Samples between excesses that count as two: one long excursion teaches once."""
LN10 = math.log(10.0)


def evidence(
    s: memoryview[float], o: int, score: float, t: float, gap: float, shaped: bool
) -> float:
    """Evidence of `score` >= 0, the calibrator at `o` then learning it.

    Args:
        s: the block.
        o: where the calibrator's fields start.
        score: the family's raw score.
        t: samples that the calibrator has seen.
        gap: samples between excesses that count as two.
        shaped: whether the tail bends as the series' scores do; else it is exponential.

    Returns:
        0 to EVIDENCE_CAP; 0 while it warms up.
    """
    quantile = s[o + QUANTILE]
    mean_excess = s[o + MEAN_EXCESS]
    mean_score = s[o + MEAN_SCORE]
    found = 0.0
    if t >= WARM_UP and quantile > 0.0:
        if score <= quantile:
            found = TAIL_EVIDENCE * score / quantile
        elif mean_excess > 0.0:
            known = min(s[o + EXCESSES] + KNOWN, MOST_KNOWN)
            nats = (score - quantile) / mean_excess
            if shaped:
                shape = quantile / (TAIL_NATS * mean_excess)
                if shape > 1.0:
                    shape = min(1.0 + LIGHTER * (shape - 1.0), MOST_SHAPE)
                nats = TAIL_NATS * (math.pow(min(score / quantile, FAR), shape) - 1.0)
            rarity = known * math.log1p(nats / known) / LN10
            found = min(TAIL_EVIDENCE + rarity, EVIDENCE_CAP)
    rate = 1.0 / min(t + 1.0, HORIZON)
    bounded = score
    if mean_score > 0.0 and t > 20.0:
        bounded = min(score, 10.0 * mean_score)
    mean_score += rate * (bounded - mean_score)
    s[o + MEAN_SCORE] = mean_score
    step = 12.0 * mean_score * rate
    quantile += step * (1.0 - TAIL_SHARE) if score > quantile else -step * TAIL_SHARE
    quantile = max(quantile, 0.0)
    s[o + QUANTILE] = quantile
    if score > quantile > 0.0 and (s[o + EXCESSES] == 0.0 or t - s[o + LAST_EXCESS] >= gap):
        s[o + LAST_EXCESS] = t
        excesses = s[o + EXCESSES] + 1.0
        s[o + EXCESSES] = excesses
        excess = score - quantile
        if excesses > 5.0:
            excess = min(excess, 20.0 * mean_excess)
        mean_excess += (excess - mean_excess) / min(excesses + 1.0, HORIZON * TAIL_SHARE / 2.0)
        s[o + MEAN_EXCESS] = mean_excess
    return found
