"""Blocks of another window, method or layout: what is kept, and that nothing crashes."""

from __future__ import annotations

import math
import statistics
import struct
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
from anomaly_dataplane.state.layout import (
    ALARM,
    ARMED_BIT,
    COUNT,
    HORIZON,
    JOURNAL,
    M2,
    MARKS,
    MEAN,
    NEVER,
    NEWEST,
    RAW,
    SHAPE,
    VALID,
    VERSION,
    Layout,
    shape,
)
from anomaly_dataplane.state.working_set import WorkingSet
from blocks import blank_blocks
from samples import a_series

ZSCORE, FUSED, LITE = METHODS[Name.ZSCORE], METHODS[Name.FUSED], METHODS[Name.FUSED_LITE]
RULES = Rulebook((Rules.of(Detection(), Ingest()),))


def a_stored_block(method: Method, window: int, samples: int) -> bytes:
    """The block of a series that took the values 0, 1, 2, ... at the times 100 s, 101 s, ..."""
    layout = method.layout(window)
    block = blank_blocks(layout)
    times = array("d", [1000.0 * (100 + i) for i in range(samples)])
    values = array("d", [float(i) for i in range(samples)])
    score_group(block, layout, method, array("i", [0]) * samples, times, values, RULES)
    block[VERSION], block[ALARM] = 7.0, 3.0
    return bytes(block.cast("B"))


def before_the_fifth(
    number: int, method: Method, window: int, samples: int, pending: int = 0
) -> tuple[bytearray, list[float]]:
    """A block as layout numbers 2 to 4 had it, and what is learnt of it after it was read.

    The newest `pending` samples are in its journal only.
    """
    layout = method.layout(window)
    whole = memoryview(a_stored_block(method, window, samples)).cast("d")
    known = memoryview(a_stored_block(method, window, samples - pending)).cast("d")
    lacks = method.added if number < 4 else 0
    journal = [0.0] * 2 * (8 if method.hot else 2)
    pairs = dict(enumerate(pairs_of(known, layout)))
    for i in range(pending):
        slot = (samples - pending + i) % window
        journal[2 * i : 2 * i + 2] = pairs_of(whole, layout)[slot]
    ring = [number for slot in range(window) for number in pairs.get(slot, (0.0, 0.0))]
    fields = [
        *known[layout.hot_at : layout.cold_at - lacks],
        *known[layout.cold_at : layout.ring_at],
    ]
    old = [*whole[:JOURNAL], *journal, *fields, *ring]
    old[SHAPE] = shape(number, method.number, window)
    old[MARKS] += pending
    learnt = [
        *whole[layout.hot_at : layout.cold_at - lacks],
        *[0.0] * lacks,
        *whole[layout.cold_at : layout.ring_at],
    ]
    return bytearray(struct.pack(f"<{len(old)}d", *old)), learnt


def pairs_of(block: memoryview[float], layout: Layout) -> list[tuple[float, float]]:
    """The (value, time) of the samples in a ring, by slot."""
    times = stamps.unfold(memoryview(bytearray(block)).cast("d"), layout)
    return list(zip(block[layout.ring_at : layout.times_at], times, strict=False))


def loaded(working_set: WorkingSet, stored: bytes) -> memoryview[float]:
    series = a_series()
    assert working_set.begin([series]).missing == 1
    working_set.fill(series, stored)
    return working_set.block(series)


@pytest.mark.parametrize("old_method", [ZSCORE, FUSED])
@pytest.mark.parametrize("new_method", [ZSCORE, FUSED])
@pytest.mark.parametrize(
    ("old", "new", "samples"), [(20, 10, 25), (10, 20, 25), (20, 10, 4), (20, 20, 25)]
)
def test_the_newest_samples_and_the_guards_are_kept(
    old_method: Method, new_method: Method, old: int, new: int, samples: int
) -> None:
    """Whatever changed, what fits is not warmed up again and no repeat is counted."""
    working_set = WorkingSet(new_method, new, 4)

    block = loaded(working_set, a_stored_block(old_method, old, samples))

    kept = min(old, new, samples)
    values = [float(samples - kept + i) for i in range(kept)]
    ring = working_set.layout.ring_at
    assert block[ring : ring + kept].tolist() == values or old == new
    times = [1000.0 * (100 + value) for value in values]
    assert sorted(stamps.unfold(block, working_set.layout)) == times
    assert block[MEAN] == pytest.approx(statistics.fmean(values))
    assert (block[RAW], block[NEWEST]) == (samples - 1.0, 1000.0 * (99 + samples))
    assert block[ALARM] == 3.0
    assert int(block[MARKS]) == kept << VALID
    assert block[SHAPE] == working_set.layout.shape
    if kept < samples:
        assert block[HORIZON] >= 1000.0 * (99 + samples - kept)


def test_a_changed_window_keeps_what_the_method_learnt() -> None:
    """The baselines of months are not thrown away because the window grew."""
    stored = a_stored_block(FUSED, 20, 300)
    old = memoryview(stored).cast("d")

    block = loaded(WorkingSet(FUSED, 40, 4), stored)

    layout = FUSED.layout(20)
    learnt = slice(layout.hot_at, layout.ring_at)
    assert block[learnt].tolist() == old[learnt].tolist()


def test_another_method_learns_the_samples_that_are_there() -> None:
    """It starts with the window rather than with nothing."""
    block = loaded(WorkingSet(FUSED, 20, 4), a_stored_block(ZSCORE, 20, 300))

    assert block[FUSED.layout(20).hot_at] == 20.0  # samples seen
    assert block[COUNT] == 20.0


@pytest.mark.parametrize("method", [ZSCORE, FUSED])
@pytest.mark.parametrize("new_window", [10, 30])
def test_samples_of_the_journal_are_kept_as_those_of_the_ring(
    method: Method, new_window: int
) -> None:
    """They are the newest; only their place in the stored block differs."""
    complete = a_stored_block(method, 20, 33)
    journalled = bytearray(a_stored_block(method, 20, 31))
    layout = method.layout(20)
    old, full = memoryview(journalled).cast("d"), memoryview(complete).cast("d")
    scalars = slice(SHAPE, JOURNAL)
    old[scalars] = full[scalars]
    old[MARKS] += 2.0
    for i, sample in enumerate((31, 32)):
        old[JOURNAL + 2 * i : JOURNAL + 2 * i + 2] = array("d", pairs_of(full, layout)[sample % 20])

    one = loaded(WorkingSet(method, new_window, 4), bytes(journalled))
    other = loaded(WorkingSet(method, new_window, 4), complete)

    assert one.tolist() == other.tolist()


@pytest.mark.parametrize("method", [ZSCORE, FUSED])
def test_a_block_of_the_first_layout_keeps_samples_and_guards(method: Method) -> None:
    """Its scalars stood where they stand; the method learns the samples anew."""
    ring_at = {ZSCORE: 10, FUSED: 219}[method]
    block = loaded(WorkingSet(method, 12, 4), a_stored_block(method, 12, 30))
    layout = method.layout(12)
    ring = [number for pair in pairs_of(block, layout) for number in pair]
    first = [*block[:ALARM], 3.0, 0.0, *[0.0] * (ring_at - 10), *ring]
    first[SHAPE] = shape(1, method.number, 12)

    kept = loaded(WorkingSet(method, 12, 4), struct.pack(f"<{len(first)}d", *first))

    assert sorted(pairs_of(kept, layout)) == sorted(pairs_of(block, layout))
    for index in (NEWEST, RAW, HORIZON, ALARM, MARKS):
        assert kept[index] == block[index]
    assert method is ZSCORE or kept[method.layout(12).hot_at] == 12.0


@pytest.mark.parametrize("method", [ZSCORE, FUSED])
@pytest.mark.parametrize("window", [12, 20])
@pytest.mark.parametrize(
    ("since", "armed", "word"),
    [(3.0, 0.0, 3), (1e9, 1.0, NEVER + ARMED_BIT), (7.0, 1.0, 7 + ARMED_BIT)],
)
def test_a_block_of_the_second_layout_keeps_all_that_was_learnt(
    method: Method, window: int, since: float, armed: float, word: int
) -> None:
    """Only its last scalars stood otherwise; a release that brings words loses no baseline."""
    now, learnt = before_the_fifth(2, method, 12, 30)
    second = memoryview(now).cast("d")
    second[RAW] = 30.0  # where a total was
    second[8], second[9], second[10] = since, armed, 0.0

    block = loaded(WorkingSet(method, window, 4), bytes(now))

    new = method.layout(window)
    assert block[new.hot_at : new.ring_at].tolist() == learnt
    assert (block[COUNT], block[RAW], block[NEWEST]) == (12.0, 29.0, 129_000.0)
    assert block[ALARM] == word
    assert int(block[MARKS]) == 12 << VALID


@pytest.mark.parametrize("method", [ZSCORE, FUSED, LITE])
@pytest.mark.parametrize("window", [12, 20])
def test_a_block_of_the_third_layout_keeps_what_was_learnt_and_its_new_families_begin(
    method: Method, window: int
) -> None:
    """Who knows a series for months goes on, and only what is new warms up."""
    stored, learnt = before_the_fifth(3, method, 12, 300)

    working_set = WorkingSet(method, window, 4)
    block = loaded(working_set, bytes(stored))

    new = method.layout(window)
    assert block[new.hot_at : new.ring_at].tolist() == learnt
    rows = array("d", [1e9]), array("d", [5.0])
    score_group(block, new, method, array("i", [0]), *rows, RULES)
    if method.added:
        assert block[new.cold_at - method.added] == 1.0  # samples that the new families saw


@pytest.mark.parametrize(
    ("method", "pending"),
    [
        pytest.param(method, pending, id=f"{method.name}-{pending}")
        for method in METHODS.values()
        for pending in (0, 1, 2, 8)
        if method.hot or pending <= 2  # without fields a journal had room for two samples
    ],
)
@pytest.mark.parametrize(("window", "samples"), [(12, 300), (12, 9), (20, 300)])
def test_a_block_of_the_fourth_layout_becomes_what_it_would_be_by_now(
    method: Method, pending: int, window: int, samples: int
) -> None:
    """Samples, times, fields and alarm, those of its longer journal among them."""
    stored, learnt = before_the_fifth(4, method, 12, samples, pending)
    now = loaded(WorkingSet(method, 12, 4), a_stored_block(method, 12, samples))

    block = loaded(WorkingSet(method, window, 4), bytes(stored))

    old, new = method.layout(12), method.layout(window)
    assert block[new.hot_at : new.ring_at].tolist() == learnt
    assert sorted(pairs_of(block, new)) == sorted(pairs_of(now, old))
    for index in (NEWEST, RAW, HORIZON, ALARM, MARKS):
        assert block[index] == now[index]
    assert block[M2] == pytest.approx(now[M2])


def test_times_that_32_bits_cannot_tell_apart_are_kept_when_a_block_is_migrated() -> None:
    """Of a series of one sample a day over four months."""
    day = 86_400_000.0
    layout = ZSCORE.layout(120)
    times = [1_700_000_000_123.0 + day * i for i in range(120)]
    scalars = [7.0, shape(4, 0, 120), times[-1], 120.0, 1.0, 0.0, 1.0, 0.0, 3.0, 0.0]
    ring = [number for time in times for number in (1.0, time)]
    old = [*scalars, float(120 << VALID), *[0.0] * 4, *ring]

    block = loaded(WorkingSet(ZSCORE, 120, 4), struct.pack(f"<{len(old)}d", *old))

    assert stamps.unfold(block, layout).tolist() == times


@pytest.mark.parametrize("count", [math.nan, -1.0, math.inf, 2.0**53])
@pytest.mark.parametrize("index", [COUNT, MARKS])
def test_a_block_with_an_impossible_count_starts_over(index: int, count: float) -> None:
    """What is no state of ours must not be scored against, for ever."""
    damaged = bytearray(a_stored_block(FUSED, 12, 30))
    memoryview(damaged).cast("d")[index] = count

    block = loaded(WorkingSet(FUSED, 12, 4), bytes(damaged))

    assert (block[COUNT], block[MARKS], block[RAW]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("number", [5, 4, 3, 2])
@pytest.mark.parametrize("time", [math.nan, math.inf, -1e300])
def test_a_block_with_an_impossible_time_starts_over(number: int, time: float) -> None:
    """Also in its journal, whose samples a season would look for in its bins."""
    pending = 2
    if number == 5:
        damaged = bytearray(a_stored_block(FUSED, 12, 30))
        memoryview(damaged).cast("d")[MARKS] += pending
    else:
        damaged, _ = before_the_fifth(number, FUSED, 12, 30, pending)
    if number == 2:
        memoryview(damaged).cast("d")[8:11] = array("d", [3.0, 1.0, pending])
    memoryview(damaged).cast("d")[JOURNAL + 3] = time

    assert loaded(WorkingSet(FUSED, 12, 4), bytes(damaged))[COUNT] == 0.0
    assert loaded(WorkingSet(FUSED, 20, 4), bytes(damaged))[COUNT] == 0.0


@pytest.mark.parametrize("stored", [b"x", b"\x00" * 8, b"not a block of ours, at all", b"7" * 2000])
@pytest.mark.parametrize("method", [ZSCORE, FUSED])
def test_a_block_that_cannot_be_understood_starts_over(stored: bytes, method: Method) -> None:
    """A foreign or newer block is no reason to crash."""
    assert loaded(WorkingSet(method, 10, 4), stored)[COUNT] == 0.0


@given(st.binary(max_size=4000))
def test_no_bytes_whatever_crash_a_pod(stored: bytes) -> None:
    """Even a damaged block leads to a state that works."""
    block = loaded(WorkingSet(ZSCORE, 10, 4), stored)

    assert block[SHAPE] == ZSCORE.layout(10).shape
