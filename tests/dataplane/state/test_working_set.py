"""Blocks on their way from and to the store: writes, migration, eviction."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.detectors.window import insert
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import (
    ARMED,
    COUNT,
    HORIZON,
    MEAN,
    NEWEST,
    RING,
    SHAPE,
    SINCE_ALARM,
    TOTAL,
    VERSION,
    Layout,
)
from anomaly_dataplane.state.working_set import WorkingSet
from anomaly_dataplane.store import ABSENT, SeriesWrite
from blocks import blank_blocks
from samples import a_series


def a_stored_block(window: int, samples: int) -> bytes:
    """The block of a series that took the values 0, 1, 2, ... at the times 100, 101, ..."""
    layout = Layout(window)
    block = blank_blocks(layout)
    for i in range(samples):
        insert(block, 0, window, float(i), 100.0 + i)
    block[VERSION], block[TOTAL], block[NEWEST] = 7.0, float(samples), 99.0 + samples
    block[SINCE_ALARM], block[ARMED] = 3.0, 0.0
    return bytes(block.cast("B"))


def loaded(working_set: WorkingSet, series: Series, stored: bytes | None) -> memoryview[float]:
    assert working_set.missing([series]) == [series]
    working_set.fill(series, stored)
    size = working_set.layout.doubles
    return working_set.slab[series.slot * size : (series.slot + 1) * size]


def apply(stored: bytes, write: SeriesWrite) -> bytes:
    """What a store makes of a write."""
    block = bytearray() if write.whole else bytearray(stored)
    for offset, data in write.ranges:
        block[offset : offset + len(data)] = data
    return bytes(block)


@given(st.integers(10, 15), st.integers(0, 40), st.integers(1, 40))
def test_written_ranges_make_the_stored_block_equal_the_cached_one(
    window: int, before: int, added: int
) -> None:
    """However the run of new samples lies in the ring, no byte is forgotten."""
    working_set, series = WorkingSet(Layout(window), 4), a_series()
    stored = a_stored_block(window, before) if before else None
    block = loaded(working_set, series, stored)
    count = int(block[COUNT])
    for i in range(added):
        insert(block, 0, window, float(-i), 1000.0 + i)

    write = working_set.write(series, count)

    assert apply(stored or b"", write) == bytes(block.cast("B"))
    assert write.expected == (stored[:8] if stored else ABSENT)
    assert write.accepted == added
    assert write.whole == (stored is None)


def test_a_commit_touches_the_expiry_once_a_turn_of_the_window() -> None:
    """Keeping an active series alive does not cost a write a sample."""
    working_set, series = WorkingSet(Layout(10), 4), a_series()
    block = loaded(working_set, series, a_stored_block(10, 12))
    touched = []
    for i in range(20):
        count = int(block[COUNT])
        insert(block, 0, 10, 1.0, 1000.0 + i)
        touched.append(working_set.write(series, count).touch)

    assert sum(touched) == 2


def test_every_write_has_a_version_of_its_own() -> None:
    """Two pods, or one pod twice, never stamp the same token."""
    versions = set()
    for _ in range(2):
        working_set, series = WorkingSet(Layout(10), 4), a_series()
        block = loaded(working_set, series, None)
        for i in range(50):
            count = int(block[COUNT])
            insert(block, 0, 10, 1.0, float(i))
            working_set.write(series, count)
            versions.add(working_set.version(series))

    assert len(versions) == 100


@pytest.mark.parametrize(("old", "new", "samples"), [(20, 10, 25), (10, 20, 25), (20, 10, 4)])
def test_a_changed_window_keeps_the_newest_samples(old: int, new: int, samples: int) -> None:
    """Nothing crashes on an old block, and what fits is not warmed up again."""
    working_set, series = WorkingSet(Layout(new), 4), a_series()
    stored = a_stored_block(old, samples)

    block = loaded(working_set, series, stored)
    write = working_set.write(series, int(block[COUNT]))

    kept = min(old, new, samples)
    values = [float(samples - kept + i) for i in range(kept)]
    assert [block[RING + 2 * i] for i in range(kept)] == values
    assert block[COUNT] == kept
    assert block[MEAN] == pytest.approx(statistics.fmean(values))
    assert (block[TOTAL], block[NEWEST]) == (samples, 99.0 + samples)
    assert (block[SINCE_ALARM], block[ARMED]) == (3.0, 0.0)
    assert block[SHAPE] == Layout(new).shape
    assert write.whole
    assert write.expected == stored[:8]


def test_samples_that_a_smaller_window_drops_are_behind_the_horizon() -> None:
    """A repeat of them is refused as late, not counted again."""
    working_set = WorkingSet(Layout(10), 4)

    block = loaded(working_set, a_series(), a_stored_block(20, 18))

    assert block[HORIZON] == 107.0


@pytest.mark.parametrize("stored", [b"x", b"\x00" * 8, b"not a block of ours, at all", b"7" * 2000])
def test_a_block_that_cannot_be_understood_starts_over(stored: bytes) -> None:
    """It is replaced whole, against the bytes that stand where the version would."""
    working_set, series = WorkingSet(Layout(10), 4), a_series()

    block = loaded(working_set, series, stored)
    write = working_set.write(series, 0)

    assert block[COUNT] == 0.0
    assert write.whole
    assert write.expected == stored[:8]


def test_series_beyond_the_slots_push_out_those_long_unused() -> None:
    """Memory is bounded; who is pushed out is filled again when it comes back."""
    working_set = WorkingSet(Layout(10), 3)
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
    working_set = WorkingSet(Layout(10), 2)
    items = [a_series(device=str(i)) for i in range(3)]
    working_set.missing(items)
    working_set.fill(items[0], None)
    working_set.fill(items[1], None)

    with pytest.raises(MemoryError, match="more than the 2 slots"):
        working_set.fill(items[2], None)


def test_a_series_is_loaded_once_however_often_it_stands_in_a_group() -> None:
    """Fifty samples of a series are one read."""
    working_set, series = WorkingSet(Layout(10), 4), a_series()

    assert working_set.missing([series] * 50) == [series]
