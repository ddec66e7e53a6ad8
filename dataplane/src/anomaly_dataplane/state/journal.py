"""Brings a block that was read up to date with the samples in its journal.

A commit of a few samples writes them to the journal, next to the scalars, and leaves what the
store has of ring and method as it is: those follow from the samples. Used by `working_set.py` and
`migration.py`.
"""

from __future__ import annotations

from array import array

from anomaly_dataplane.detectors.kernel import learn
from anomaly_dataplane.detectors.method import Method
from anomaly_dataplane.state.layout import COUNT, JOURNAL, LARGEST_COUNT, PENDING, Layout


def sound(block: memoryview[float], layout: Layout) -> bool:
    """Whether the numbers that `catch_up` and the kernels go by can be those of a block."""
    count, pending = block[COUNT], block[PENDING]
    return 0.0 <= pending <= layout.journal and pending <= count < LARGEST_COUNT


def catch_up(block: memoryview[float], layout: Layout, method: Method) -> None:
    """Put the samples of the journal into the ring and have the method learn them.

    The journal stays, as it does in the store; the next commits append to it.
    """
    pending = int(block[PENDING])
    if not pending:
        return
    end = JOURNAL + 2 * pending
    values, times = array("d", block[JOURNAL:end:2]), array("d", block[JOURNAL + 1 : end : 2])
    first = int(block[COUNT]) - pending
    for i in range(pending):
        at = layout.ring_at + 2 * ((first + i) % layout.window)
        block[at], block[at + 1] = values[i], times[i]
    learn(block, layout, method, times, values)
