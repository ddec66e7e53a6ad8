"""The math of docs/detection.md in its plainest form, to check the kernels against.

    d = Fuse(); score, alarm = d.update(unix_seconds, value)

Written before the kernels and independently of them, with objects instead of a flat block.
"""

from __future__ import annotations

import math

LN10 = math.log(10.0)
DAY = 86400.0
BINS = 48  # time-of-day bins
HORIZON = 2000.0  # forgetting of baselines and calibrators, samples
ABS_TO_STD = 1.2533  # std / mean absolute deviation of a Gaussian
TAIL_Q = 0.05
TAIL_Q_EVIDENCE = -math.log10(TAIL_Q)
EVIDENCE_CAP = 12.0
EVIDENCE_OFFSET = 1.3  # a family votes only with the evidence above its own 5 % tail


def clip(value: float, limit: float) -> float:
    return limit if value > limit else (-limit if value < -limit else value)


class TailCalibrator:
    """Raw score >= 0 -> -log10 tail probability."""

    __slots__ = (
        "excesses",
        "gap",
        "last_excess",
        "mean_excess",
        "mean_score",
        "quantile",
        "seen",
        "shaped",
    )

    def __init__(self, gap: int = 20, shaped: bool = False) -> None:
        self.gap, self.shaped = gap, shaped
        self.seen = self.excesses = 0
        self.quantile = self.mean_excess = self.mean_score = 0.0
        self.last_excess = -(10**9)

    def __call__(self, score: float) -> float:
        t, q = self.seen, self.quantile
        evidence = 0.0
        if t >= 100 and q > 0.0:
            if score <= q:
                evidence = TAIL_Q_EVIDENCE * score / q
            elif self.mean_excess > 0.0:
                known = min(self.excesses + 2.0, 50.0)
                beyond = (score - q) / self.mean_excess
                if self.shaped:
                    shape = q / self.mean_excess / -math.log(TAIL_Q)
                    if shape > 1.0:
                        shape = min(0.4 + 0.6 * shape, 2.0)
                    beyond = -math.log(TAIL_Q) * ((score / q) ** shape - 1.0)
                rarity = known * math.log(1.0 + beyond / known) / LN10
                evidence = min(TAIL_Q_EVIDENCE + rarity, EVIDENCE_CAP)
        rate = 1.0 / min(t + 1.0, HORIZON)
        bounded = min(score, 10.0 * self.mean_score) if self.mean_score > 0.0 and t > 20 else score
        self.mean_score += rate * (bounded - self.mean_score)
        step = 12.0 * self.mean_score * rate
        q = q + step * (1.0 - TAIL_Q) if score > q else q - step * TAIL_Q
        self.quantile = q = max(q, 0.0)
        if score > q > 0.0 and t - self.last_excess >= self.gap:
            self.last_excess = t
            self.excesses += 1
            excess = score - q
            if self.excesses > 5:
                excess = min(excess, 20.0 * self.mean_excess)
            self.mean_excess += (excess - self.mean_excess) / min(
                self.excesses + 1.0, HORIZON * TAIL_Q / 2.0
            )
        self.seen = t + 1
        return evidence


class Baseline:
    """exponentially forgetting mean and mean absolute deviation with Huber-clipped updates"""

    __slots__ = ("dev", "mean")

    def __init__(self, first: float) -> None:
        self.mean, self.dev = first, 0.0

    def scale(self) -> float:
        return ABS_TO_STD * self.dev + 1e-12 + 1e-3 * abs(self.mean)

    def learn(self, value: float, rate: float, limit: float | None) -> None:
        error = value - self.mean if limit is None else clip(value - self.mean, limit)
        self.mean += rate * error
        self.dev += rate * (abs(error) - self.dev)


class Level:
    """|short EW mean - long robust baseline| / long robust scale"""

    __slots__ = ("alpha", "horizon", "long", "short", "tail")

    def __init__(self, first: float, alpha: float, horizon: float, gap: int, shaped: bool) -> None:
        self.alpha, self.horizon, self.short = alpha, horizon, first
        self.long, self.tail = Baseline(first), TailCalibrator(gap, shaped)

    def evidence(self, x: float, t: int) -> float:
        self.short += self.alpha * (x - self.short)
        scale = self.long.scale()
        score = abs(self.short - self.long.mean) / scale if t >= 30 else 0.0
        rate = 1.0 / min(t + 1.0, self.horizon)
        self.long.learn(self.short, rate, 4.0 * scale if t >= 30 else None)
        return self.tail(score)


class Seasonal:
    """Smoothed residual against the mean of its time of day."""

    __slots__ = ("count", "dev", "mean", "residual", "scored", "smooth", "start", "tail")

    def __init__(self, ts: float) -> None:
        self.start = ts
        self.mean, self.dev, self.count = [0.0] * BINS, [0.0] * BINS, [0] * BINS
        self.residual = self.smooth = 0.0
        self.scored = 0
        self.tail = TailCalibrator()

    def evidence(self, x: float, ts: float, global_std: float) -> float:
        k = int((ts % DAY) / DAY * BINS)
        mean, dev, count = self.mean[k], self.dev[k], self.count[k]
        floor = 0.1 * global_std + 1e-12
        r, score = x - mean, 0.0
        if ts - self.start >= DAY and count > 0:
            rate = 1.0 / min(self.scored + 1.0, 1000.0)
            self.scored += 1
            size = abs(r)
            if self.scored > 50:
                size = min(size, 8.0 * self.residual + 1e-9 + 2.0 * floor)
            self.residual += rate * (size - self.residual)
            z = r / (ABS_TO_STD * 0.5 * (dev + self.residual) + floor + 1e-3 * abs(mean))
            self.smooth += 0.25 * (z - self.smooth)
            if self.scored > 100:
                score = abs(self.smooth)
            r = clip(r, 4.0 * (ABS_TO_STD * dev + 0.3 * self.residual + floor))
        rate = max(0.03, 1.0 / (count + 1.0))
        self.mean[k] = mean + rate * r
        self.dev[k] = dev + rate * (abs(r) - dev)
        self.count[k] = count + 1
        return self.tail(score)


class Surprise:
    """Smoothed error of an AR(8) filter learnt online on standardised values."""

    __slots__ = ("base", "past", "smooth", "tail", "weights")

    def __init__(self, first: float) -> None:
        self.base, self.weights, self.past = Baseline(first), [1.0] + [0.0] * 7, [0.0] * 8
        self.smooth, self.tail = 0.0, TailCalibrator(shaped=True)

    def evidence(self, x: float, t: int, rate: float) -> float:
        scale = self.base.scale()
        z = clip((x - self.base.mean) / scale, 8.0) if t > 0 else 0.0
        score, past, weights = 0.0, self.past, self.weights
        if t > 8:
            error = z - sum(w * h for w, h in zip(weights, past, strict=True))
            score = abs(error)
            gain = 0.05 * clip(error, 3.0) / (0.01 + sum(h * h for h in past))
            for i in range(8):
                weights[i] += gain * past[i]
        past.insert(0, z)
        past.pop()
        self.base.learn(x, rate, 4.0 * scale if t > 30 else None)
        self.smooth += max(1.0 / (t + 1.0), 0.15) * (score - self.smooth)
        return self.tail(self.smooth)


class Volatility:
    """log of the short EW variance against its own robust baseline"""

    __slots__ = ("base", "mean", "tail", "var")

    def __init__(self, first: float) -> None:
        self.mean, self.var = first, 0.0
        self.base, self.tail = Baseline(0.0), TailCalibrator(shaped=True)

    def evidence(self, x: float, t: int, global_var: float) -> float:
        error = x - self.mean
        self.mean += 0.07 * error
        self.var = 0.93 * (self.var + 0.07 * error * error)
        log_var, score = math.log(self.var + 1e-3 * global_var + 1e-12), 0.0
        if t == 30:
            self.base.mean = log_var
        elif t > 30:
            scale = ABS_TO_STD * self.base.dev + 1e-2
            if t > 60:
                score = abs(log_var - self.base.mean) / scale
            self.base.learn(log_var, 1.0 / min(t - 29.0, HORIZON), 4.0 * scale if t > 60 else None)
        return self.tail(score)


class Flat:
    """How improbable so many repeats in a row are, by the share of repeats in the series."""

    __slots__ = ("longest", "run", "seen", "share")

    def __init__(self) -> None:
        self.seen, self.run, self.share = 0, 0, 0.0
        self.longest = [0.0, 0.0]

    def evidence(self, repeats: bool, inside: bool) -> float:
        t, share = self.seen, self.share
        self.seen += 1
        self.share += (float(repeats) - share) / min(t + 1.0, HORIZON)
        if share < 0.1:
            self.longest = [run * (1.0 - 1.0 / HORIZON) for run in self.longest]
        if not repeats:
            self.longest = sorted([*self.longest, self.run])[1:]
            self.run = 0
            return 0.0
        self.run += 1
        changes = (1.0 - share) * min(t, HORIZON)
        if t < 100 or not inside or self.run <= 2 * self.longest[0] or changes < 50:
            return 0.0
        return min(-self.run * math.log10(max(share, 0.1)), EVIDENCE_CAP)


class Fuse:
    def __init__(
        self,
        threshold: float = 5.7,
        hold_off: int = 15,
        rearm_fraction: float = 0.3,
        rearm_after: int = 240,
    ) -> None:
        self.threshold, self.hold_off = threshold, hold_off
        self.rearm_level, self.rearm_after = rearm_fraction * threshold, rearm_after
        self.seen, self.since_alarm, self.armed = 0, 10**9, True

    def _start(self, ts: float, x: float) -> None:
        self.level = Level(x, 0.15, 500.0, 20, shaped=True)
        self.drift = Level(x, 0.05, HORIZON, 100, shaped=False)
        self.flat = Flat()
        self.seasonal, self.surprise, self.volatility = Seasonal(ts), Surprise(x), Volatility(x)
        self.jump_tail, self.previous = TailCalibrator(shaped=True), x
        self.low = self.high = self.global_mean = x
        self.global_var = 0.0

    def _record(self, x: float, t: int) -> float:
        span, over = self.high - self.low, 0.0
        if x > self.high:
            over = (x - self.high) / span if span > 0 else 1.0
            self.high = x
        elif x < self.low:
            over = (self.low - x) / span if span > 0 else 1.0
            self.low = x
        if over <= 0.0 or t < 50:
            return 0.0
        return min(1.7 + 10.0 * min(over, 0.5), 1.0 + math.log10(t))

    def update(self, ts: float, x: float) -> tuple[float, bool]:
        t = self.seen
        if t == 0:
            self._start(ts, x)
        self.seen = t + 1
        rate = 1.0 / min(t + 1.0, HORIZON)
        error = x - self.global_mean
        self.global_mean += rate * error
        self.global_var += rate * (error * error - self.global_var)

        level = max(
            self.level.evidence(x, t),
            min(self.drift.evidence(x, t), 6.3),
            self.seasonal.evidence(x, ts, math.sqrt(self.global_var)),
        )
        jump = self.jump_tail(abs(x - self.previous))
        repeats = t > 0 and x == self.previous
        self.previous = x
        dynamics = max(
            self.surprise.evidence(x, t, rate), self.volatility.evidence(x, t, self.global_var)
        )
        record = self._record(x, t)
        flat = self.flat.evidence(repeats, self.low < x < self.high)
        votes = (level, jump, dynamics, record, flat)
        score = sum(max(e - EVIDENCE_OFFSET, 0.0) for e in votes)
        return score, self._alarm(score)

    def _alarm(self, score: float) -> bool:
        self.since_alarm += 1
        if score < self.rearm_level:
            self.armed = True
        ready = self.armed or self.since_alarm > self.rearm_after
        if score < self.threshold or self.since_alarm <= self.hold_off or not ready:
            return False
        self.since_alarm, self.armed = 0, False
        return True
