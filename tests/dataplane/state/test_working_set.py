"""Blocks on their way from and to the store: writes, versions, eviction."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.contract.config import Detection, Ingest
from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors.kernel import score_group
from anomaly_dataplane.detectors.method import METHODS, Method
from anomaly_dataplane.detectors.rules import Rules
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import VERSION
from anomaly_dataplane.state.working_set import WorkingSet
from anomaly_dataplane.store import ABSENT, SeriesWrite
from samples import a_series

ZSCORE, FUSED = METHODS[Name.ZSCORE], METHODS[Name.FUSED]
RULES = Rules.of(Detection(), Ingest())


def a_working_set(method: Method = ZSCORE, window: int = 10, slots: int = 4) -> WorkingSet:
    return WorkingSet(method, window, slots)


def add(
    working_set: WorkingSet, series: Series, samples: int, first: int, step_ms: float = 1000.0
) -> SeriesWrite:
    """Score so many samples of a series and describe to the store what that changed."""
    scores = score_group(
        working_set.slab,
        working_set.layout,
        working_set.method,
        array("i", [series.slot]) * samples,
        array("d", [step_ms * (first + i) for i in range(samples)]),
        array("d", [float(i % 3) for i in range(samples)]),
        RULES,
    )
    ((_, writes),) = working_set.writes(scores.changes).values()
    (write,) = writes
    return write


def a_stored_block(method: Method, window: int, samples: int) -> bytes:
    """The block of a series that took so many samples, a quarter of an hour apart."""
    working_set, series = a_working_set(method, window), a_series()
    block = loaded(working_set, series, None)
    add(working_set, series, samples, 1, step_ms=900_000.0)
    block[VERSION] = 7.0
    return bytes(block.cast("B"))


def loaded(working_set: WorkingSet, series: Series, stored: bytes | None) -> memoryview[float]:
    assert working_set.begin([series]).missing == 1
    working_set.fill(series, stored)
    size = working_set.layout.doubles
    return working_set.slab[series.slot * size : (series.slot + 1) * size]


def apply(stored: bytes, write: SeriesWrite) -> bytes:
    """What a store makes of a write."""
    block = bytearray() if write.whole else bytearray(stored)
    for offset, data in write.ranges:
        block[8 * offset : 8 * offset + len(data)] = data
    return bytes(block)


@given(
    st.sampled_from([ZSCORE, FUSED]),
    st.integers(10, 15),
    st.integers(0, 40),
    st.integers(1, 40),
)
def test_written_ranges_make_the_stored_block_equal_the_cached_one(
    method: Method, window: int, before: int, added: int
) -> None:
    """However the new samples lie in ring and season, no byte is forgotten."""
    working_set, series = a_working_set(method, window), a_series()
    stored = a_stored_block(method, window, before) if before else None
    block = loaded(working_set, series, stored)

    write = add(working_set, series, added, before + 1, step_ms=900_000.0)

    assert apply(stored or b"", write) == bytes(block.cast("B"))
    assert write.expected == (stored[:8] if stored else ABSENT)
    assert write.accepted == added
    assert write.whole == (stored is None)


def test_season_bins_are_written_only_when_the_half_hour_changes() -> None:
    """Most commits carry the hot scalars and one ring slot, nothing else."""
    working_set, series = a_working_set(FUSED), a_series()
    loaded(working_set, series, a_stored_block(FUSED, 10, 4))

    same = add(working_set, series, 1, 3601, step_ms=1000.0)
    later = add(working_set, series, 1, 5401, step_ms=1000.0)

    assert [len(data) for _, data in same.ranges][1:] == [16]
    assert [len(data) for _, data in later.ranges][1:] == [24, 16]


def test_a_commit_touches_the_expiry_once_a_turn_of_the_window() -> None:
    """Keeping an active series alive does not cost a write a sample."""
    working_set, series = a_working_set(), a_series()
    loaded(working_set, series, a_stored_block(ZSCORE, 10, 12))
    touched = [add(working_set, series, 1, 20_000 + i).touch for i in range(20)]

    assert sum(touched) == 2


def test_every_write_has_a_version_of_its_own() -> None:
    """Two pods, or one pod twice, never stamp the same token."""
    versions = set()
    for _ in range(2):
        working_set, series = a_working_set(), a_series()
        loaded(working_set, series, None)
        for i in range(50):
            add(working_set, series, 1, i)
            versions.add(working_set.version(series))

    assert len(versions) == 100


@pytest.mark.parametrize("stored", [b"x", b"not a block of ours, at all"])
def test_a_reshaped_block_is_replaced_whole_against_what_stands_there(stored: bytes) -> None:
    """The version check holds for bytes that are no version, too."""
    working_set, series = a_working_set(), a_series()
    loaded(working_set, series, stored)

    write = add(working_set, series, 1, 1)
    again = add(working_set, series, 1, 2)

    assert (write.whole, write.expected) == (True, stored[:8].ljust(8, b"\0"))
    assert not again.whole


def test_series_beyond_the_slots_push_out_those_long_unused() -> None:
    """Memory is bounded; who is pushed out is filled again when it comes back."""
    working_set = a_working_set(slots=3)
    items = [a_series(device=str(i)) for i in range(5)]
    for item in items:
        loaded(working_set, item, None)

    cached = [item for item in items if item.slot >= 0]
    assert len(cached) == 3
    assert items[-1] in cached
    assert len({item.slot for item in cached}) == 3
    assert working_set.used == 3


def test_a_group_larger_than_the_cache_is_a_defect_and_says_so() -> None:
    """It cannot happen with the sizes that workers choose; silence would corrupt state."""
    working_set = a_working_set(slots=2)
    items = [a_series(device=str(i)) for i in range(3)]
    working_set.begin(items)
    working_set.fill(items[0], None)
    working_set.fill(items[1], None)

    with pytest.raises(MemoryError, match="more than the 2 slots"):
        working_set.fill(items[2], None)


def test_a_series_counts_once_however_often_it_stands_in_a_group() -> None:
    """Fifty samples of a series are one block."""
    working_set, one, other = a_working_set(), a_series(), a_series(device="other")
    loaded(working_set, one, None)

    begun = working_set.begin([one] * 50 + [other] * 2)

    assert list(begun.slots) == [one.slot] * 50 + [-1] * 2
    assert (begun.missing, begun.distinct) == (2, 1)
