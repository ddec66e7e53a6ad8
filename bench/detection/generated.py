"""Made-up series with known events, and pure noises. The seed is a parameter everywhere."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

SAMPLES = 7200
"""Five days of minutes."""
EVENTS = 5
CALM = 2000
"""Samples before the first event."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values at one-minute steps, and the first and last sample of each event."""

    kind: str
    seconds: list[float]
    values: list[float]
    events: list[tuple[int, int]]


EVENTS_OF_ALL = ("spike", "level", "variance", "flat")
SEASONAL = {"daily", "weekly", "rate"}
"""Kinds that have a phase to be shifted; on the others such an event would be none."""

KINDS = ("plain", "trend", "daily", "weekly", "memory", "heavy tails", "rate", "gaps")


def series(seed: int, each: int = 5) -> Iterator[Series]:
    """Some series of each kind, at most 1 % of each contaminated."""
    for kind in KINDS:
        for copy in range(each):
            yield _series(kind, random.Random(f"{seed} {kind} {copy}"))  # noqa: S311  # data


def noises(seed: int, samples: int) -> Iterator[tuple[str, list[float]]]:
    """Series in which nothing happens."""
    dice = random.Random(seed)  # noqa: S311  # data
    yield "Gaussian", [dice.gauss(50.0, 1.0) for _ in range(samples)]
    yield "Laplace", [dice.expovariate(1.0) * dice.choice((-1.0, 1.0)) for _ in range(samples)]
    memory, remembered = 0.0, []
    for _ in range(samples):
        memory = 0.95 * memory + dice.gauss(0.0, 1.0)
        remembered.append(memory)
    yield "AR(0.95)", remembered
    yield (
        "daily sine",
        [
            10.0 * math.sin(2.0 * math.pi * i / 1440.0) + dice.gauss(0.0, 0.5)
            for i in range(samples)
        ],
    )
    yield "0/1 at 10 %", [float(dice.random() < 0.1) for _ in range(samples)]
    yield "Pareto(2)", [dice.paretovariate(2.0) for _ in range(samples)]


def _series(kind: str, dice: random.Random) -> Series:
    values: list[float] = []
    seconds: list[float] = []
    memory, at = 0.0, 1_767_225_600.0
    scale = dice.uniform(0.5, 2.0)
    for i in range(SAMPLES):
        at += 60.0
        if kind == "gaps" and dice.random() < 0.002:
            at += 60.0 * dice.randrange(10, 120)
        share = 0.9 if kind == "memory" else 0.3
        memory = share * memory + dice.gauss(0.0, scale)
        value = 100.0 + memory
        day = 2.0 * math.pi * (at % 86_400.0) / 86_400.0
        if kind in {"daily", "weekly"}:
            value += 8.0 * math.sin(day) + 3.0 * math.sin(2.0 * day)
        if kind == "weekly" and int(at / 86_400.0) % 7 in {2, 3}:
            value -= 6.0
        if kind == "trend":
            value += 0.002 * i
        if kind == "heavy tails":
            value += dice.choice((-1.0, 1.0)) * 0.3 * dice.paretovariate(3.0)
        if kind == "rate":
            value = max(0.0, 20.0 + 5.0 * math.sin(day) + 2.0 * memory)
        values.append(value)
        seconds.append(at)
    room = (SAMPLES - CALM - 200) / EVENTS
    places = [CALM + round(room * (k + 0.6 * dice.random())) for k in range(EVENTS)]
    spread = _spread(values)
    possible = (*EVENTS_OF_ALL, "phase") if kind in SEASONAL else EVENTS_OF_ALL
    events = [_inject(values, place, spread, dice.choice(possible), dice) for place in places]
    return Series(kind, seconds, values, events)


def _inject(
    values: list[float], at: int, spread: float, event: str, dice: random.Random
) -> tuple[int, int]:
    """One event, in place: a spike, a level, more variance, a stuck sensor or a shifted phase."""
    length = {"spike": 1, "level": 14, "variance": 14, "flat": 14, "phase": 14}[event]
    side = dice.choice((-1.0, 1.0))
    middle = sum(values[at : at + length]) / length
    for i in range(at, at + length):
        if event == "spike":
            values[i] += side * 9.0 * spread
        elif event == "level":
            values[i] += side * 5.0 * spread
        elif event == "variance":
            values[i] = middle + 5.0 * (values[i] - middle)
        elif event == "flat":
            values[i] = values[at]
        else:
            values[i] = values[i - 700]
    return at, at + length - 1


def _spread(values: list[float]) -> float:
    """Standard deviation of the steps, over the square root of two."""
    steps = [b - a for a, b in itertools.pairwise(values)]
    return math.sqrt(sum(step * step for step in steps) / len(steps) / 2.0)
