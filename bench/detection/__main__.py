"""Prints what detection reaches, and what it must: `make bench-detection NAB=<folder>`.

One configuration for all series, the shipped threshold first; with a folder for plots, five series
with their detections as SVG.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

from anomaly_dataplane import KERNELS
from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.rules import Rules
from bench.detection import events, generated, nab, plot, views
from bench.detection.pod import WINDOW, alarms, rules_for
from bench.kernels import nanoseconds

METHODS_SHOWN = (Name.FUSED, Name.FUSED_LITE)
THRESHOLDS = (4.0, 4.5, 5.0, 5.5, 6.0, 6.25, 6.5, 6.75, 7.0, 7.5, 8.0, 9.0)
Z_THRESHOLDS = (2.0, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 7.0, 8.0, 10.0, 12.0)
Z_WINDOWS = (60, 120, 300)
CLOCK_ROWS = 600
NOISE_SAMPLES = 43_200
NOISE_SEEDS = 5
PLOTTED = (
    "realKnownCause/ambient_temperature_system_failure.csv",
    "realKnownCause/machine_temperature_system_failure.csv",
    "realTraffic/speed_6005.csv",
    "realAWSCloudwatch/ec2_cpu_utilization_5f5533.csv",
    "artificialWithAnomaly/art_daily_flatmiddle.csv",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=__doc__)
    parser.add_argument("--nab", type=Path, help="folder with data/ and labels/")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of made-up series")
    parser.add_argument("--plots", type=Path, help="folder to draw five series into")
    options = parser.parse_args()
    say(f"Kernels: {KERNELS.flavour}")
    if options.nab is not None:
        if not (options.nab / nab.LABELS).is_file():
            parser.error(f"--nab: {options.nab} has no {nab.LABELS}; give the folder of NAB's data")
        files = nab.load(options.nab)
        of_nab(files)
        if options.plots is not None:
            draw(files, options.plots)
    of_noise(options.seeds[0])
    of_events(options.seeds)
    of_cost()


def say(line: str = "") -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


def of_nab(files: Sequence[nab.Labelled]) -> None:
    """The scores, and the baselines that put them in their place."""
    rows = sum(len(file.values) for file in files)
    say(f"\nNAB, {len(files)} files, {rows} rows       {'  '.join(nab.PROFILES)}")

    def scored(found: Callable[[nab.Labelled], Iterable[int]]) -> list[float]:
        pairs = [(file, list(found(file))) for file in files]
        return [nab.score(pairs, profile) for profile in nab.PROFILES.values()]

    def line(what: str, scores: Sequence[float]) -> None:
        say(f"  {what:34}" + "".join(f"{score:9.1f}" for score in scores))

    for name in METHODS_SHOWN:
        shipped = rules_for(name).alarm_score
        line(f"{name}, shipped {shipped:g}", scored(lambda file: found_in(file, name)))  # noqa: B023  # called at once
        tries = [scored(lambda f: found_in(f, name, threshold)) for threshold in THRESHOLDS]  # noqa: B023  # as above
        line(f"{name}, each its best threshold", [max(each) for each in zip(*tries, strict=True)])
    for name in METHODS_SHOWN:
        line(f"{name}, smoothed", smoothed(files, name))
    line("|z| > 2", scored(lambda file: found_in(file, Name.ZSCORE)))
    line(f"a clock, every {CLOCK_ROWS} rows", scored(lambda f: range(0, len(f.values), CLOCK_ROWS)))


def found_in(file: nab.Labelled, name: Name, threshold: float | None = None) -> list[int]:
    """Detections of a method, by its shipped rules or at a threshold."""
    rules = rules_for(name) if threshold is None else rules_for(name, alarm_score=threshold)
    return alarms(name, file.seconds, file.values, rules)


def smoothed(files: Sequence[nab.Labelled], name: Name) -> list[float]:
    """The smoothed score in each profile."""
    seen = [list(views.views(file)) for file in files]
    nominal = rules_for(name).alarm_score

    @cache
    def pairs(share: float, view: int) -> list[tuple[nab.Labelled, list[int]]]:
        shown = [each[view] for each in seen]
        return [(file, found_in(file, name, share * nominal)) for file in shown]

    return [
        views.mean_over(lambda share, view: nab.score(pairs(share, view), profile))  # noqa: B023  # called at once
        for profile in nab.PROFILES.values()
    ]


def of_noise(seed: int) -> None:
    """False alarms where nothing happens."""
    say(f"\nFalse alarms per 1440 samples of noise ({NOISE_SEEDS} x {NOISE_SAMPLES} samples)")
    for name in (*METHODS_SHOWN, Name.ZSCORE):
        counts: dict[str, int] = {}
        for each in range(NOISE_SEEDS):
            for kind, values in generated.noises(seed + each, NOISE_SAMPLES):
                seconds = [60.0 * i for i in range(len(values))]
                found = alarms(name, seconds, values, rules_for(name))
                counts[kind] = counts.get(kind, 0) + len(found)
        total = NOISE_SEEDS * NOISE_SAMPLES / 1440.0
        shown = "  ".join(f"{kind} {count / total:.2f}" for kind, count in counts.items())
        say(f"  {name:10} {shown}")


def of_events(seeds: Sequence[int]) -> None:
    """Event-F1 on made-up series, against the Z that is best on these very series."""
    say("\nEvent-F1 (false alarms per 1440) on made-up series, by seed")
    for seed in seeds:
        data = list(generated.series(seed))
        ours = {name: _events(data, name, rules_for(name)) for name in METHODS_SHOWN}
        best, told = _best_z(data)
        shown = "  ".join(f"{n} {f.f1:.3f} ({f.false_a_day:.2f})" for n, f in ours.items())
        ratio = ours[Name.FUSED].f1 / best.f1 if best.f1 else math.inf
        rival = f"best Z {best.f1:.3f} ({best.false_a_day:.2f}), {told}"
        say(f"  seed {seed}: {shown}  {rival}; Fused {ratio:.2f}x")


def _best_z(data: Sequence[generated.Series]) -> tuple[events.Found, str]:
    """The plain Z whose threshold and window suit these very series best."""
    tries = []
    for z in Z_THRESHOLDS:
        rules = rules_for(Name.ZSCORE, threshold=z, alarm_score=z)
        tries += [
            (_events(data, Name.ZSCORE, rules, window), f"z > {z:g} over {window}")
            for window in Z_WINDOWS
        ]
    return max(tries, key=lambda pair: pair[0].f1)


def _events(
    data: Sequence[generated.Series], name: Name, rules: Rules, window: int = WINDOW
) -> events.Found:
    total = events.Found()
    for one in data:
        found = alarms(name, one.seconds, one.values, rules, window)
        total += events.compare(len(one.values), one.events, found)
    return total


def of_cost() -> None:
    """CPU a sample, in groups of 500 series, and the size of a block."""
    say("\nCPU a sample in groups, Z included, and state a series with a window of 120")
    for name in (Name.FUSED, Name.FUSED_LITE, Name.ZSCORE):
        size = METHODS[name].layout(WINDOW).stored_bytes
        say(f"  {name:10} {nanoseconds(name, 500) / 1000.0:.3f} us  {size} B")


def draw(files: Sequence[nab.Labelled], folder: Path) -> None:
    """Five series with windows and detections."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        if file.name in PLOTTED:
            target = folder / Path(file.name).with_suffix(".svg").name
            target.write_text(plot.svg(file, found_in(file, Name.FUSED)), encoding="utf-8")
            say(f"  drew {target}")


if __name__ == "__main__":
    main()
