"""What the pipeline's answers mean: anomalies as rows with a why, and whether the burst was found.

Pure; `session` feeds it and `console` shows what it returns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from demo.burst import Burst
from demo.sample import Sample
from demo.tally import Tally

_FLAT_SHARE = 1e-9
"""A standard deviation below this share of |mean| is rounding noise: the window was constant."""
_MANY_TIMES = 2.0
"""From this ratio on, "so many times the mean" says more than a percentage."""

STANDS_OUT = 4.0
"""Least z at which a series counts as moved by the burst: chance alone passes 2 sigma too often."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One anomaly, as the API has it."""

    metric: str
    device: str
    time: datetime
    value: float
    score: float
    threshold: float
    family: str
    z: float
    mean: float
    std: float
    n: int
    expected: tuple[float, float]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Finding:
        """Read an entry of `GET /api/v1/anomalies`."""
        low, high = raw["expected"]
        return cls(
            metric=raw["metric"],
            device=raw["labels"].get("device", ""),
            time=datetime.fromisoformat(raw["time"]),
            value=raw["value"],
            score=raw["score"],
            threshold=raw["threshold"],
            family=raw["family"],
            z=raw["z"],
            mean=raw["mean"],
            std=raw["std"],
            n=raw["n"],
            expected=(low, high),
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """The first find of the burst in one series."""

    metric: str
    after_seconds: float
    z: float


@dataclass(frozen=True, slots=True)
class Group:
    """The findings of one device, strongest first; `weaker` are not shown."""

    device: str
    shown: tuple[Finding, ...]
    weaker: int


def strongest(findings: Iterable[Finding], device: str, most: int) -> Group:
    """The strongest findings of a device."""
    ranked = sorted(
        (found for found in findings if found.device == device),
        key=lambda found: (-found.score, found.time),
    )
    return Group(device, tuple(ranked[:most]), max(0, len(ranked) - most))


def why(found: Finding) -> str:
    """Why a value was flagged, in words."""
    if found.family != "zscore":
        evidence = f"evidence: {found.family}, score {found.score:.1f}"
        return f"{_against_mean(found)}; {evidence}"
    if found.std <= _FLAT_SHARE * abs(found.mean):
        return f"the {found.n} samples before it were all {number(found.mean)}"
    return f"{_against_mean(found)}; sigma is {number(found.std)}"


def _against_mean(found: Finding) -> str:
    of_mean = f"the mean of {found.n} samples, {number(found.mean)}"
    side = "above" if found.value >= found.mean else "below"
    if found.mean <= 0.0:
        return f"{number(abs(found.value - found.mean))} {side} {of_mean}"
    ratio = found.value / found.mean
    if ratio >= _MANY_TIMES:
        return f"{_rounded(ratio)} times {of_mean}"
    return f"{_rounded(abs(ratio - 1.0) * 100.0)} % {side} {of_mean}"


def in_burst(found: Finding, burst: Burst, device: str) -> bool:
    """Whether an anomaly of this machine began while the load was on, on its high side."""
    return (
        found.device == device
        and burst.started <= found.time.timestamp() <= burst.ended
        and found.value > found.mean
    )


def hits(
    findings: Iterable[Finding], highest: Mapping[str, float], burst: Burst, device: str
) -> tuple[Hit, ...]:
    """In which series the burst was found, soonest first.

    Only series that clearly stood out count: an anomaly may also fall into the burst by chance.
    """
    first: dict[str, Hit] = {}
    for found in sorted(findings, key=lambda found: found.time):
        stood_out = highest.get(found.metric, 0.0) >= STANDS_OUT
        if stood_out and in_burst(found, burst, device):
            after = found.time.timestamp() - burst.started
            first.setdefault(found.metric, Hit(found.metric, after, found.z))
    return tuple(sorted(first.values(), key=lambda hit: hit.after_seconds))


def peaks(during: Iterable[tuple[Sample, Mapping[str, Any]]]) -> dict[str, float]:
    """The highest z of each series while the burst lasted, whether it raised an anomaly or not."""
    highest: dict[str, float] = {}
    for sample, verdict in during:
        z = verdict["z"]
        if z is not None:
            highest[sample.metric] = max(z, highest.get(sample.metric, z))
    return highest


def burst_in_words(found: Sequence[Hit], highest: Mapping[str, float], burst: Burst) -> str:
    """The truth about the burst: where it was found and how soon, where not and why."""
    what = f"the {burst.seconds:.1f} s of real load were"
    if found:
        listed = ", ".join(
            f"{hit.metric} after {max(0.0, hit.after_seconds):.1f} s (z {number(hit.z)})"
            for hit in found
        )
        words = [f"{what} found in {len(found)} of {len(highest)} series: {listed}."]
    else:
        words = [f"{what} NOT found; was the machine as busy before?"]
    known = {hit.metric for hit in found}
    for name, z in highest.items():
        if name not in known and z >= STANDS_OUT:
            words.append(
                f"{name} rose to z {number(z)}, but an anomaly there shortly before was still open."
            )
        elif name not in known:
            words.append(f"{name} did not stand out (z {number(z)} at most).")
    return " ".join(words)


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.1f}"


def number(value: float) -> str:
    """A number as short as it stays readable."""
    size = abs(value)
    if size >= 1e6:
        return f"{value:.2g}".replace("e+0", "e")
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.1f}"
    if size >= 1:
        return f"{value:.2f}"
    return f"{value:#.3g}" if value else "0"


def truth(recorded: Tally, live: Tally, found: int) -> str:
    """All figures in two sentences, with what to expect of the rule."""
    total = recorded + live
    share = 100.0 * total.outliers / total.scored if total.scored else 0.0
    refused = "".join(f", {count} {word}" for word, count in sorted(total.refused.items()))
    return (
        f"{total.sent} samples sent in {total.requests} requests "
        f"({recorded.requests_per_second:.0f} requests/s on one connection while replaying)"
        f"{refused}; {total.scored} scored, "
        f"{total.outliers} outliers ({share:.1f} %; the 2-sigma rule marks about 4.5 % of normal "
        f"noise too), {found} anomalies, which are episodes: the table has the strongest, and weak "
        "ones are mostly chance."
    )
