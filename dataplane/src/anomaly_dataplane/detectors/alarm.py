"""One alarm an episode: when scores become events.

The same for every method. So many of the last scores must reach the threshold; that raises an
event, begins an episode and disarms the series. The episode ends when the score falls below a share
of the threshold, which arms the series again, or when it has lasted so long that it is the new
normal. A fixed number of samples after an event stays silent.
"""

from __future__ import annotations

from array import array

from anomaly_dataplane.detectors.numbers import (
    ACCEPT_AFTER,
    CONSECUTIVE,
    HOLD_OFF,
    OUT_OF,
    REPEAT_AFTER,
)
from anomaly_dataplane.state.layout import (
    ABOVE_BIT,
    ACCEPTED_BIT,
    ALARM,
    ARMED_BIT,
    EPISODE,
    FAMILY,
    FAMILY_MASK,
    FEEDBACK,
    FEEDBACK_MASK,
    FEEDBACK_STEP,
    HISTORY,
    HISTORY_MASK,
    LENGTH,
    LENGTH_MASK,
    LENGTH_ONE,
    MARKS,
    OPEN_BIT,
    SINCE_MASK,
)

REARM_SHARE = 0.3
"""Of the threshold: a score below it ends the episode."""

UNSETTLED = OPEN_BIT | HISTORY_MASK << HISTORY
"""Where none of these is set, a score below the threshold changes little."""

NOTHING = 0
RAISED = 1
CALM = 2
NEW_NORMAL = 3


def needed(block: memoryview[float], base: int, score: float) -> float:
    """The threshold of a series: the rules' `score`, raised by what people said of its events."""
    word = int(block[base + ALARM])
    complaints = (word >> FEEDBACK) & FEEDBACK_MASK
    while complaints > 0:
        score *= FEEDBACK_STEP
        complaints -= 1
    return score


def update(  # noqa: C901  # one state machine
    block: memoryview[float],
    base: int,
    book: array[float],
    rule: int,
    score: float,
    threshold: float,
    above: bool,
    family: int,
    time: float,
) -> int:
    """Take the score of a sample into account.

    Args:
        block: holds the series' block.
        base: where that starts.
        book: the numbers of rules.
        rule: where those of this series start.
        score: of the sample.
        threshold: that of the series.
        above: the sample's side.
        family: what won, or OUT_OF_RANGE.
        time: of the sample, Unix milliseconds.

    Returns:
        NOTHING; RAISED if it raises an event; CALM or NEW_NORMAL if it ends an episode that was
        told. The state of the block says what the event is about.
    """
    word = int(block[base + ALARM])
    since = word & SINCE_MASK
    if since < SINCE_MASK:
        since += 1
        word += 1
    if score < threshold and not word & UNSETTLED:
        if score < REARM_SHARE * threshold:
            word |= ARMED_BIT
            word &= ~ACCEPTED_BIT
        block[base + ALARM] = word
        return NOTHING
    most = int(book[rule + OUT_OF])
    least = int(book[rule + CONSECUTIVE])
    history = (word >> HISTORY) & HISTORY_MASK
    word -= history << HISTORY
    history = (2 * history + 1 if score >= threshold else 2 * history) & ((1 << most) - 1)
    word += history << HISTORY
    hits = 0
    while history > 0:
        hits += history & 1
        history >>= 1
    told = word & OPEN_BIT
    if score < REARM_SHARE * threshold and hits < least:
        word |= ARMED_BIT
        word &= ~(OPEN_BIT | ACCEPTED_BIT)
        block[base + ALARM] = word
        return CALM if told else NOTHING
    if told:
        marks = int(block[base + MARKS])
        length = (marks >> LENGTH) & LENGTH_MASK
        if length < LENGTH_MASK:
            length += 1
            block[base + MARKS] = marks + LENGTH_ONE
        accept_after = book[rule + ACCEPT_AFTER]
        if 0.0 < accept_after <= length:
            word &= ~OPEN_BIT
            word |= ACCEPTED_BIT
            block[base + ALARM] = word
            return NEW_NORMAL
    silent = since <= book[rule + HOLD_OFF] or (
        not word & ARMED_BIT and (word & ACCEPTED_BIT or since <= book[rule + REPEAT_AFTER])
    )
    if score < threshold or hits < least or silent:
        block[base + ALARM] = word
        return NOTHING
    word &= ~(ARMED_BIT | SINCE_MASK)
    if not told:
        word |= OPEN_BIT
        word &= ~ABOVE_BIT
        if above:
            word |= ABOVE_BIT
        block[base + EPISODE] = time
        marks = int(block[base + MARKS])
        marks &= ~((LENGTH_MASK << LENGTH) | (FAMILY_MASK << FAMILY))
        block[base + MARKS] = marks | (family << FAMILY)
    block[base + ALARM] = word
    return RAISED


def end(block: memoryview[float], base: int) -> bool:
    """End the episode, because its series starts over; True if it was told."""
    word = int(block[base + ALARM])
    told: bool = word & OPEN_BIT != 0
    word |= ARMED_BIT
    word &= ~(OPEN_BIT | ACCEPTED_BIT | (HISTORY_MASK << HISTORY))
    block[base + ALARM] = word
    return told
