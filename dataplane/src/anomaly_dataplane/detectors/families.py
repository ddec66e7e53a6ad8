"""Numbers of the methods: in the shape of their blocks, and where kernels branch.

Never given to another method.
"""

from __future__ import annotations

ZSCORE = 0
FUSED = 1
FUSED_LITE = 2
JUMP = 3
LEVEL = 4
SEASONAL = 5
VOLATILITY = 6
RANGE = 7
ROBUST = 8

FIELDS = 3
"""Of `alone.py`, before those of the family."""
