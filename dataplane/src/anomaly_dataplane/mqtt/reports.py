"""Rejected samples in the log, at a bounded rate: nobody gets an answer who could tell of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from anomaly_dataplane.ingest.parsed import Rejection

INTERVAL_SECONDS = 10.0


class RejectionLog:
    """Writes a line at most every `INTERVAL_SECONDS`, with one example and the number of others."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._next = 0.0
        self._untold = 0

    def add(self, rejected: Sequence[Rejection]) -> None:
        """Take note of rejected samples, and tell if it is time."""
        self._untold += len(rejected)
        now = self._clock()
        if now < self._next:
            return
        self._next = now + INTERVAL_SECONDS
        self._logger.warning(
            "%d samples rejected, such as %s (%s)",
            self._untold,
            rejected[-1].reason,
            rejected[-1].cause,
        )
        self._untold = 0
