"""One alarm an episode: when a score becomes an anomaly.

The same for every method: a series is re-armed when its score falls below a share of the threshold,
an alarm disarms it, and a fixed number of samples after an alarm stays silent.
"""

from __future__ import annotations

from anomaly_dataplane.detectors.rules import Rules
from anomaly_dataplane.state.layout import ARMED, SINCE_ALARM

REARM_SHARE = 0.3
"""Of the threshold: a score below it ends the episode."""


def raised(block: memoryview[float], base: int, score: float, rules: Rules) -> bool:
    """Take the method's score of a sample into account; True if it raises an anomaly."""
    since = block[base + SINCE_ALARM] + 1.0
    block[base + SINCE_ALARM] = since
    if score < REARM_SHARE * rules.alarm_score:
        block[base + ARMED] = 1.0
        return False
    if score < rules.alarm_score or since <= rules.hold_off_samples:
        return False
    if block[base + ARMED] == 0.0 and since <= rules.repeat_after_samples:
        return False
    block[base + SINCE_ALARM] = 0.0
    block[base + ARMED] = 0.0
    return True
