"""Turns of the parts that wait for a lane."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.workers.job import Job, Part
from anomaly_dataplane.workers.turns import TURN_SAMPLES, Turns
from samples import a_batch, a_series

ROOM = 4 * TURN_SAMPLES


def a_part(samples: int) -> Part:
    loop = asyncio.new_event_loop()
    try:
        batch = a_batch(a_series(), [1.0] * samples)
        return Part(Job(batch, loop.create_future()), batch, samples)
    finally:
        loop.close()


def taken(turns: Turns, parts: list[Part], room: int = ROOM) -> list[tuple[int, int, int]]:
    """What the next group takes: which part, from where, to where."""
    return [(parts.index(part), start, end) for part, start, end in turns.take(room)]


def waiting(*samples: int) -> tuple[Turns, list[Part]]:
    turns, parts = Turns(), [a_part(size) for size in samples]
    for part in parts:
        turns.put(part)
    return turns, parts


def test_small_parts_are_taken_whole_and_in_order() -> None:
    """One sample a request: a group is simply what waits."""
    turns, parts = waiting(1, 1, 2)

    assert taken(turns, parts) == [(0, 0, 1), (1, 0, 1), (2, 0, 2)]
    assert taken(turns, parts) == []


def test_one_sample_does_not_wait_for_a_giant() -> None:
    """The giant gets its turn and goes behind."""
    turns, parts = waiting(5000, 1)

    assert taken(turns, parts)[:2] == [(0, 0, TURN_SAMPLES), (1, 0, 1)]


def test_a_part_that_waits_alone_is_cut_by_groups_only() -> None:
    """More slices would cost time and help nobody."""
    turns, parts = waiting(ROOM + 10)

    assert taken(turns, parts) == [(0, 0, ROOM)]
    assert taken(turns, parts) == [(0, ROOM, ROOM + 10)]


def test_a_turn_cut_short_by_a_full_group_goes_on_in_the_next() -> None:
    """Else who is last in every group would get one sample of each."""
    turns, parts = waiting(1, 1000, 1000, 1000, 1000)

    first = taken(turns, parts)
    assert first[-1] == (4, 0, TURN_SAMPLES - 1)
    assert taken(turns, parts)[0] == (4, TURN_SAMPLES - 1, 2 * TURN_SAMPLES - 1)


def test_what_is_cleared_waits_no_more() -> None:
    """Once, with all that is left of it."""
    turns, parts = waiting(600, 1)
    turns.take(ROOM - 1)

    assert turns.clear() == [parts[0]]
    assert taken(turns, parts) == []


@given(st.lists(st.integers(1, 700), min_size=1, max_size=12), st.integers(1, 600))
def test_nothing_is_lost_or_doubled_and_nobody_waits_for_more_than_a_turn_of_each_other(
    sizes: list[int], room: int
) -> None:
    """Slices of a part come in order; a part's first follows at most one turn of each before it."""
    turns, parts = waiting(*sizes)
    done = [0] * len(parts)
    before = 0
    while pieces := taken(turns, parts, room):
        assert sum(end - start for _, start, end in pieces) <= room
        for part, start, end in pieces:
            assert start == done[part] < end
            if start == 0:
                # A turn cut short at the end of a group may be followed by a whole one.
                assert before <= 2 * part * min(TURN_SAMPLES, room)
            done[part] = end
            before += end - start
    assert done == sizes
    assert len(turns) == 0
