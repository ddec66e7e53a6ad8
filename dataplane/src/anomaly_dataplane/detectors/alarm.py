"""One alarm an episode: when a score becomes an anomaly.

The same for every method: a series is re-armed when its score falls below a share of the threshold,
an alarm disarms it, and a fixed number of samples after an alarm stays silent.
"""

from __future__ import annotations

from anomaly_dataplane.state.layout import ARMED, SINCE_ALARM

REARM_SHARE = 0.3
"""Of the threshold: a score below it ends the episode."""


def raised(
    block: memoryview[float],
    base: int,
    score: float,
    alarm_score: float,
    hold_off: float,
    repeat_after: float,
) -> bool:
    """Take the method's score of a sample into account; True if it raises an anomaly.

    The last three are those of `Rules`, the silences in samples.
    """
    since = block[base + SINCE_ALARM] + 1.0
    block[base + SINCE_ALARM] = since
    if score < REARM_SHARE * alarm_score:
        block[base + ARMED] = 1.0
        return False
    if score < alarm_score or since <= hold_off:
        return False
    if block[base + ARMED] == 0.0 and since <= repeat_after:
        return False
    block[base + SINCE_ALARM] = 0.0
    block[base + ARMED] = 0.0
    return True
