"""The season's bins: what is kept of those that are not the current one."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors.kernel import learn
from anomaly_dataplane.detectors.method import METHODS
from blocks import blank_blocks

FUSED = METHODS[Name.FUSED]
HALF_HOUR_MS = 1_800_000.0
BIN_COUNT = 18  # of Fused's hot fields: how often the current bin was learnt
COUNT_LIMIT = 63  # and of the others; the least rate of a bin, 0.03, is reached at 33


@given(st.lists(st.tuples(st.integers(0, 47), st.integers(1, 90)), min_size=1, max_size=60))
def test_every_bin_remembers_how_often_it_was_learnt(visits: list[tuple[int, int]]) -> None:
    """Up to the limit, beyond which it makes no difference, and whatever its neighbours did."""
    layout = FUSED.layout(10)
    block = blank_blocks(layout)
    learnt = dict.fromkeys(range(48), 0)
    for bin_, samples in visits:
        times = [HALF_HOUR_MS * bin_ + i for i in range(samples)]
        learn(block, layout, FUSED, array("d", times), array("d", [1.0] * samples))
        learnt[bin_] += samples

    found = {}
    count = layout.hot_at + BIN_COUNT
    for bin_ in range(48):
        # One more sample makes it the current bin, whose count is in the open.
        learn(block, layout, FUSED, array("d", [HALF_HOUR_MS * bin_ + 1000.0]), array("d", [1.0]))
        found[bin_] = block[count] - 1

    last, others = visits[-1][0], set(range(48)) - {visits[-1][0]}
    assert {b: found[b] for b in others} == {b: min(learnt[b], COUNT_LIMIT) for b in others}
    assert min(found[last], COUNT_LIMIT) == min(learnt[last], COUNT_LIMIT)
