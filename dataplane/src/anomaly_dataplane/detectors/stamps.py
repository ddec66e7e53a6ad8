"""The times of the samples in the ring: 32 bits each, in milliseconds.

A word is a time's whole milliseconds modulo 2**32, 49.7 days; a time is found again as the one of
that word nearest to another that is known. HORIZON is near the time of the sample that leaves the
ring next, and every sample near the newest before it: REACH and LATEST see to that, `window.py` and
`kernel.py` keep to them. So one walk in order of acceptance finds all times, however long the ring
is. Microseconds stand apart, for only some series have any: at the end of a block, and in a slab of
blocks behind them all, where their pages are none as long as nobody writes to them.
"""

from __future__ import annotations

import math
from array import array

from anomaly_dataplane.detectors import pointers
from anomaly_dataplane.state.layout import (
    COUNT,
    FINE_BIT,
    HORIZON,
    MARKS,
    NEWEST,
    REACH,
    Layout,
)

_DOUBLES = array("d")

_WORDS = 2**32
_HALF = 2**31
_MASK = 2**32 - 1
_FRACTION_MASK = 2**16 - 1


def enter(
    s: memoryview[float],
    w: memoryview[int],
    base: int,
    micros: int,
    ring: int,
    window: int,
    count: int,
    time: float,
) -> int:
    """Note the time of sample number `count` of a series; returns its slot.

    HORIZON follows the time that leaves that. Arguments as of `put`.
    """
    slot = count % window
    if count >= window:
        left = near(s, w, base, micros, ring, window, slot, s[base + HORIZON])
        if left > s[base + HORIZON]:
            s[base + HORIZON] = left
    elif count == 0:
        s[base + HORIZON] = math.floor(time) - REACH
    put(s, w, base, micros, ring, window, slot, time)
    return slot


def put(
    s: memoryview[float],
    w: memoryview[int],
    base: int,
    micros: int,
    ring: int,
    window: int,
    slot: int,
    time: float,
) -> None:
    """Note the time of the sample in a slot.

    Args:
        s: holds the block.
        w: the same as words of 32 bits.
        base: where the block starts, in float64.
        micros: where its microseconds start, in words: of no meaning while the series has none.
        ring: where the ring starts within it.
        window: slots of the ring.
        slot: which one.
        time: Unix milliseconds.
    """
    whole = int(math.floor(time))  # noqa: RUF046  # a float where it is compiled
    fraction = int((time - whole) * 1000.0 + 0.5)
    if fraction == 1000:
        whole += 1
        fraction = 0
    w[2 * (base + ring + window) + slot] = whole & _MASK
    marks = int(s[base + MARKS])
    if fraction == 0 and not marks & FINE_BIT:
        return
    if not marks & FINE_BIT:
        s[base + MARKS] = marks | FINE_BIT
        # Of times without any until now, or of another series that had the slot before.
        for i in range(micros, micros + 2 * ((window + 3) // 4)):
            w[i] = 0
    at = micros + slot // 2
    if slot % 2 == 0:
        w[at] = (w[at] & ~_FRACTION_MASK & _MASK) | fraction
    else:
        w[at] = (w[at] & _FRACTION_MASK) | (fraction << 16)


def near(
    s: memoryview[float],
    w: memoryview[int],
    base: int,
    micros: int,
    ring: int,
    window: int,
    slot: int,
    reference: float,
) -> float:
    """The time of a slot that is less than 24.8 days from another time."""
    whole = _nearest(
        w[2 * (base + ring + window) + slot],
        int(math.floor(reference)),  # noqa: RUF046
    )
    marks = int(s[base + MARKS])
    if not marks & FINE_BIT:
        return float(whole)
    # As the parsers round it.
    return (whole * 1000 + _fraction(w, micros, slot)) / 1000.0


def holds(
    s: memoryview[float],
    w: memoryview[int],
    base: int,
    micros: int,
    ring: int,
    window: int,
    held: int,
    time: float,
) -> bool:
    """Whether one of the `held` samples of a ring has exactly this time."""
    whole = int(math.floor(time))  # noqa: RUF046
    fraction = int((time - whole) * 1000.0 + 0.5)
    if fraction == 1000:
        whole += 1
        fraction = 0
    word = whole & _MASK
    first = 2 * (base + ring + window)
    marks = int(s[base + MARKS])
    fine = marks & FINE_BIT != 0
    if fraction != 0 and not fine:
        return False
    # Of two times in less than 49.7 days no word is the same.
    newest = s[base + NEWEST]
    certain = newest - time < _HALF and newest - s[base + HORIZON] < _HALF
    for slot in range(held):
        if w[first + slot] == word and (not fine or fraction == _fraction(w, micros, slot)):
            if certain:
                return True
            if _walk(s, w, base, ring, window, held, slot) == whole:
                return True
    return False


def raise_horizon(
    s: memoryview[float],
    w: memoryview[int],
    base: int,
    micros: int,
    ring: int,
    window: int,
    held: int,
    horizon: float,
) -> bool:
    """Let nothing be accepted at or before a time; True if that changed words of the ring.

    Samples too far behind it for their word to be understood get the horizon as their time. Nobody
    can send them again: all up to the horizon is late.
    """
    if horizon <= s[base + HORIZON]:
        return False
    changed = False
    oldest = _oldest(s, base, window)
    if (
        held > 0
        and horizon - near(s, w, base, micros, ring, window, oldest, s[base + HORIZON]) > REACH
    ):
        changed = True
        slot = oldest
        reference = s[base + HORIZON]
        for _ in range(held):
            time = near(s, w, base, micros, ring, window, slot, reference)
            if time > reference:
                reference = time
            if time <= horizon:
                put(s, w, base, micros, ring, window, slot, horizon)
            slot = slot + 1 if slot + 1 < window else 0
    s[base + HORIZON] = horizon
    return changed


def refill(block: memoryview[float], layout: Layout, times: array[float], horizon: float) -> None:
    """Note the times of the samples in a block's ring, which starts with the first of them.

    Args:
        block: has COUNT of them.
        layout: of it.
        times: in order of acceptance.
        horizon: nothing at or before it was accepted later than these.
    """
    s, w, when = (
        pointers.block_doubles(block),
        pointers.block_words(block),
        pointers.doubles(times),
    )
    ring, micros, window, size = layout.ring_at, 2 * layout.doubles, layout.window, len(times)
    if horizon == 0.0 and size > 0:
        horizon = math.floor(when[0]) - REACH
    newest = horizon
    for i in range(size):
        if when[i] - newest > REACH:
            horizon = math.floor(when[i]) - REACH
        newest = max(newest, when[i])
    behind = size > 0 and horizon - when[0] > REACH
    for i in range(size):
        # As where a horizon rises: all up to it, for one that is kept leads to those after it.
        put(s, w, 0, micros, ring, window, i, max(when[i], horizon) if behind else when[i])
    s[HORIZON] = horizon


def unfold(block: memoryview[float], layout: Layout) -> array[float]:
    """The times of the samples in a block's ring, by slot."""
    s, w = pointers.block_doubles(block), pointers.block_words(block)
    ring, micros, window = layout.ring_at, 2 * layout.doubles, layout.window
    held = int(min(s[COUNT], window))
    times = pointers.zeros(_DOUBLES, held)
    into = pointers.doubles(times)
    if held > 0:
        slot = _oldest(s, 0, window)
        reference = s[HORIZON]
        for _ in range(held):
            into[slot] = near(s, w, 0, micros, ring, window, slot, reference)
            reference = max(reference, into[slot])
            slot = slot + 1 if slot + 1 < window else 0
    return times


def _walk(
    s: memoryview[float],
    w: memoryview[int],
    base: int,
    ring: int,
    window: int,
    held: int,
    wanted: int,
) -> int:
    """The whole milliseconds of a slot's time, found from the horizon."""
    slot = _oldest(s, base, window)
    reference = int(math.floor(s[base + HORIZON]))  # noqa: RUF046
    first = 2 * (base + ring + window)
    whole = 0
    for _ in range(held):
        whole = _nearest(w[first + slot], reference)
        if slot == wanted:
            break
        if whole > reference:
            reference = whole
        slot = slot + 1 if slot + 1 < window else 0
    return whole


def _oldest(s: memoryview[float], base: int, window: int) -> int:
    """The slot of the sample that was accepted first of those in the ring."""
    count = int(s[base + COUNT])
    return count % window if count >= window else 0


def _nearest(word: int, reference: int) -> int:
    """The whole milliseconds of this word that are nearest to others."""
    gap = (word - reference) & _MASK
    if gap >= _HALF:
        gap -= _WORDS
    return reference + gap


def _fraction(w: memoryview[int], micros: int, slot: int) -> int:
    """The microseconds of a slot, where the series is fine."""
    word = w[micros + slot // 2]
    return word & _FRACTION_MASK if slot % 2 == 0 else word >> 16
