"""Where the numbers of a rule stand in the column that kernels read them from.

`rules.py` writes the column. Two rules stand side by side for each of its entries: that of gauges,
and that of series which a protocol says to be counters.
"""

from __future__ import annotations

SIGMA = 0  # the threshold of outliers
SCORE = 1
MIN_SAMPLES = 2
COUNT_ABOVE = 3
COUNT_BELOW = 4
MIN_ABS_DEVIATION = 5
MIN_REL_DEVIATION = 6
HOLD_OFF = 7
REPEAT_AFTER = 8
LATENESS = 9
CONSECUTIVE = 10
OUT_OF = 11
ACCEPT_AFTER = 12
TRANSFORM = 13
LOWEST = 14
HIGHEST = 15
EXCLUDED = 16
GAP = 17
UNLEARNT = 18
PLAIN = 19  # 1 where a value is scored as it is and any deviation counts: see rules.py
WIDTH = 20

NONE = 0
DELTA = 1
RATE = 2
LOG1P = 3
"""TRANSFORM is one of these."""
