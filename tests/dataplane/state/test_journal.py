"""What lets a commit write samples instead of what a method learnt of them."""

from __future__ import annotations

import random
from array import array
from dataclasses import replace

import pytest

from anomaly_dataplane.contract.config import Detection, Ingest
from anomaly_dataplane.detectors.kernel import learn, score_group
from anomaly_dataplane.detectors.method import METHODS, Method
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from blocks import blank_blocks

RULES = Rules.of(Detection(), Ingest())
SAMPLES = 300


def samples(seed: int) -> tuple[array[float], array[float]]:
    """Times and values, some late, over a week of half hours."""
    noise = random.Random(seed)
    times = [1_800_000.0 * i - noise.choice([0.0, 0.0, 0.0, 2_000_000.0]) for i in range(SAMPLES)]
    return array("d", times), array("d", [noise.gauss(20.0, 3.0) for _ in range(SAMPLES)])


@pytest.mark.parametrize("method", METHODS.values())
@pytest.mark.parametrize("seed", range(3))
def test_what_a_method_keeps_follows_from_the_samples_alone(method: Method, seed: int) -> None:
    """Not from thresholds, which may change between a commit and the reading of its block."""
    layout = method.layout(500)
    times, values = samples(seed)
    slots = array("i", bytes(4 * SAMPLES))
    strict = replace(RULES, threshold=0.5, alarm_score=1.0, min_samples=2, lateness_ms=1e12)
    loose = replace(RULES, threshold=9.0, above=False, min_samples=90, lateness_ms=1e12)
    blocks = [blank_blocks(layout) for _ in range(3)]

    score_group(blocks[0], layout, method, slots, times, values, Rulebook((strict,)))
    score_group(blocks[1], layout, method, slots, times, values, Rulebook((loose,)))
    for i in range(SAMPLES):
        learn(blocks[2], layout, method, times[i : i + 1], values[i : i + 1], held=i)
        blocks[2][layout.ring_at + i] = values[i]

    kept = [block[layout.hot_at : layout.ring_at].tolist() for block in blocks]
    assert kept[0] == kept[1] == kept[2]
