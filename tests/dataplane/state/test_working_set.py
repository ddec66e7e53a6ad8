"""Blocks on their way from and to the store: writes, versions, eviction."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.contract.config import Detection, Ingest
from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors import stamps
from anomaly_dataplane.detectors.kernel import score_group
from anomaly_dataplane.detectors.method import METHODS, Method
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import JOURNAL, REACH, VERSION
from anomaly_dataplane.state.working_set import WorkingSet
from anomaly_dataplane.store import ABSENT, SeriesWrite
from samples import a_series

ZSCORE, FUSED = METHODS[Name.ZSCORE], METHODS[Name.FUSED]
RULES = Rulebook((Rules.of(Detection(), Ingest()),))

STEPS = st.sampled_from([1000.0, 900_000.0, 0.125, 20 * 86_400_000.0, 30 * 86_400_000.0])
"""Milliseconds between samples: into the next half hour, of microseconds, about REACH."""


def a_working_set(method: Method = ZSCORE, window: int = 10, slots: int = 4) -> WorkingSet:
    return WorkingSet(method, window, slots)


def add(
    working_set: WorkingSet, series: Series, samples: int, first: float, step_ms: float = 1000.0
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
    loaded(working_set, series, None)
    add(working_set, series, samples, 1, step_ms=900_000.0)
    block = working_set.block(series)
    block[VERSION] = 7.0
    return bytes(block.cast("B"))


def loaded(working_set: WorkingSet, series: Series, stored: bytes | None) -> memoryview[float]:
    assert working_set.begin([series]).missing == 1
    working_set.fill(series, stored)
    return working_set.block(series)


def apply(stored: bytes, write: SeriesWrite) -> bytes:
    """What a store makes of a write."""
    block = bytearray() if write.whole else bytearray(stored)
    for offset, data in write.ranges:
        block.extend(bytes(max(8 * offset - len(block), 0)))
        block[8 * offset : 8 * offset + len(data)] = data
    return bytes(block)


@given(
    st.sampled_from([ZSCORE, FUSED]),
    st.integers(5, 15),
    st.integers(0, 40),
    st.lists(st.tuples(st.integers(1, 40) | st.integers(1, 3), STEPS), max_size=20),
)
def test_what_the_store_has_leads_back_to_the_cached_block(
    method: Method, window: int, before: int, commits: list[tuple[int, float]]
) -> None:
    """However new samples lie in journal, ring and season, no byte is forgotten.

    The stored block is read by another pod after every commit, and must give what the first has.
    """
    working_set, series = a_working_set(method, window), a_series()
    stored = a_stored_block(method, window, before) if before else b""
    loaded(working_set, series, stored or None)
    time_ms, whole = 900_000.0 * before, not before
    for added, step_ms in commits:
        write = add(working_set, series, added, time_ms / step_ms + 1, step_ms)
        time_ms += added * step_ms

        assert write.expected == (stored[:8] or ABSENT)
        assert write.accepted == added
        assert write.whole == (whole or step_ms > REACH)
        stored, whole = apply(stored, write), False
        read = loaded(a_working_set(method, window), a_series(), stored)
        assert read == working_set.block(series)


@pytest.mark.parametrize(("method", "journal"), [(ZSCORE, 4), (FUSED, 6)])
def test_single_samples_are_written_next_to_the_scalars(method: Method, journal: int) -> None:
    """One short range a commit, until the journal is full: then hot fields and ring at once."""
    working_set, series = a_working_set(method, 30), a_series()
    loaded(working_set, series, a_stored_block(method, 30, 4))
    layout = working_set.layout

    writes = [add(working_set, series, 1, 3601 + i) for i in range(2 * journal + 2)]

    ranges = [[(offset, len(data) // 8) for offset, data in write.ranges] for write in writes]
    small = [[(0, JOURNAL + 2 * i)] for i in range(1, journal + 1)]
    full = []
    for first in (4, 4 + journal + 1):
        words = first // 2, (first + journal) // 2 - first // 2 + 1
        turn = (layout.ring_at + first, journal + 1), (layout.times_at + words[0], words[1])
        full.append([(0, layout.cold_at), *turn])
    assert ranges == [*small, full[0], *small, full[1]]


def test_season_bins_are_written_only_when_the_half_hour_changes() -> None:
    """The commit that leaves a bin writes it, and with it all that the journal held back."""
    working_set, series = a_working_set(FUSED, 20), a_series()
    loaded(working_set, series, a_stored_block(FUSED, 20, 4))
    layout = working_set.layout

    same = [add(working_set, series, 1, 3601 + i) for i in range(2)]
    later = add(working_set, series, 1, 5401)

    assert [len(write.ranges) for write in same] == [1, 1]
    (_, hot), (bins, two), (ring, three), (times, words) = later.ranges
    assert len(hot) == 8 * layout.cold_at
    assert (bins, len(two)) == (layout.cold_at + 2 * 2, 8 * 2)
    assert (ring, len(three)) == (layout.ring_at + 4, 8 * 3)
    assert (times, len(words)) == (layout.times_at + 2, 8 * 2)


def test_the_first_commit_of_a_day_puts_the_expiry_off() -> None:
    """However seldom samples come: a turn of a large window may take longer than the expiry."""
    days = 100.0
    working_set = WorkingSet(ZSCORE, 10, 4, wall_clock=lambda: days * 86400)
    series = a_series()
    loaded(working_set, series, None)
    assert add(working_set, series, 1, 0).whole  # which sets it anew
    touched = []
    for i in range(1, 9):
        days = 100.0 + i / 4
        touched.append(add(working_set, series, 1, i).touch)
    assert touched == [False, False, False, True, False, False, False, True]

    stored = bytes(working_set.block(series))
    working_set.forget(series)
    loaded(working_set, series, stored)
    assert add(working_set, series, 1, 10).touch  # who put it off before, this pod does not know


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


def test_microseconds_take_no_memory_before_there_are_any() -> None:
    """Most senders' times have none: what is never written to in the slab costs a pod nothing."""
    working_set, series = a_working_set(), a_series()
    loaded(working_set, series, None)
    behind = working_set.slab[4 * working_set.layout.doubles :]

    whole = add(working_set, series, 3, 1)
    assert [len(data) for _, data in whole.ranges] == [working_set.layout.stored_bytes]
    assert not any(behind)

    add(working_set, series, 1, 32.0005)
    assert any(behind)


def test_a_slot_forgets_the_microseconds_of_the_series_that_had_it() -> None:
    """Where whole times came first, and a time with microseconds then, those before have none."""
    working_set = a_working_set(slots=1)
    fine, other = a_series(device="fine"), a_series(device="other")
    loaded(working_set, fine, None)
    # From 625 microseconds on, half a millisecond apart.
    first = add(working_set, fine, 5, 1.25, 0.5)
    assert len(first.ranges) == 2  # the block, and its microseconds
    stored = apply(b"", first)
    assert len(stored) == working_set.layout.size_bytes

    loaded(working_set, other, None)
    add(working_set, other, 3, 1)
    add(working_set, other, 1, 4.0005)

    assert stamps.unfold(working_set.block(other), working_set.layout).tolist() == [
        *(1000.0, 2000.0, 3000.0),
        4000.5,
    ]
    assert working_set.span_seconds(other) == 3.0005
    again = a_working_set(slots=1)
    loaded(again, fine, stored)
    assert stamps.unfold(again.block(fine), again.layout).tolist() == [
        0.625 + i / 2 for i in range(5)
    ]


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
