"""Replays made-up series through the kernels and prints all that they compute, in hexadecimal.

usage: replay.py METHOD SEED. A program, so that a test can run it once a flavour of the kernels.
"""

from __future__ import annotations

import math
import random
import sys
from array import array
from collections.abc import Iterator
from dataclasses import replace

from anomaly_dataplane import KERNELS
from anomaly_dataplane.contract.config import Detection, Ingest
from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors.kernel import score_group
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.numbers import LOG1P
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from anomaly_dataplane.detectors.scores import Scores
from blocks import blank_blocks

SERIES = 12
GROUPS = 150
WINDOW = 60


def value(kind: int, i: int, noise: random.Random) -> float:
    """Sample `i` of one of the kinds of series."""
    season = 10.0 * math.sin(2.0 * math.pi * i / 48.0)
    match kind:
        case 0:
            return 50.0 + season + noise.gauss(0.0, 1.0)
        case 1:
            return noise.gauss(0.0, 1.0) + (25.0 if i % 400 > 370 else 0.0)
        case 2:
            return 7.5 if i % 100 < 80 else noise.random()
        case 3:
            return float(noise.random() < 0.1)
        case 4:
            return noise.paretovariate(1.5)
        case 5:
            return 1e6 + noise.gauss(0.0, 1e-3)
        case 6:
            return noise.choice([-1e100, -1.0, 0.0, -0.0, 1e-300, 1e100])
        case _:
            return noise.lognormvariate(0.0, 1.0 + kind / 10.0)


def groups(noise: random.Random) -> Iterator[tuple[list[int], list[float], list[float]]]:
    """Slots, times and values: mostly in order, some repeated or late.

    A series is from before 1970, and one sends so seldom that 32 bits hardly tell its times apart.
    """
    counts = [0] * SERIES
    for _ in range(GROUPS):
        slots = [noise.randrange(SERIES) for _ in range(noise.randrange(1, 200))]
        times, values = [], []
        for slot in slots:
            i = counts[slot]
            counts[slot] += 1
            behind = noise.choice([0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 500])
            start = -3e8 if slot == SERIES - 1 else 1.7672256e12
            step = 2.16e9 if slot == SERIES - 2 else 1_800_000.0  # 25 days
            times.append(start + step * max(i - behind, 0) + noise.choice([0.0, 0.0, 1.25]))
            values.append(value(slot, i, noise))
        yield slots, times, values


def every_rule(rules: Rules) -> Iterator[Rules]:
    """All that rules may ask for; the first asks for nothing, as most do."""
    yield rules
    yield replace(rules, below=False, min_rel_deviation=0.05, consecutive=2, out_of=3)
    yield replace(rules, transform=LOG1P, lowest=-2.0, highest=60.0, accept_after_samples=4)
    yield replace(rules, gap_ms=3_600_000.0, min_abs_deviation=0.5, hold_off_samples=7)
    yield rules
    yield replace(rules, learns=False)
    yield replace(rules, excluded=True)


def lines(scores: Scores) -> Iterator[str]:
    """All columns of a group's results."""
    changes = scores.changes
    yield scores.codes.hex()
    for column in (scores.z, scores.mean, scores.std, scores.n, scores.rows):
        yield column.tobytes().hex()
    for column in (
        changes.slots,
        changes.count_before,
        changes.first_piece,
        changes.last_piece,
        changes.outliers,
        changes.unlearnt,
    ):
        yield column.tobytes().hex()
    yield changes.restarted.hex()
    for i, found in scores.raised.items():
        yield repr((i, *found))
    for ended in scores.ended:
        yield repr(tuple(ended))


def main(name: str, seed: str) -> None:
    """Print the flavour, then a line a column and group, then the blocks."""
    method = METHODS[Name(name)]
    layout = method.layout(WINDOW)
    rules = Rulebook(tuple(every_rule(Rules.of(Detection(method=Name(name)), Ingest()))))
    ruled = array("i", [2 * (slot % len(rules.entries)) + slot // 6 for slot in range(SERIES)])
    slab = blank_blocks(layout, SERIES)
    out = [KERNELS.flavour]
    for slots, times, values in groups(random.Random(int(seed))):
        scores = score_group(
            slab,
            layout,
            method,
            array("i", slots),
            array("d", times),
            array("d", values),
            rules,
            ruled,
        )
        out.extend(lines(scores))
    out.append(slab.cast("B").hex())
    sys.stdout.write("\n".join(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
