"""Keeps a pod from learning while a maintenance window of mode `DontLearn` is open.

`app.py` runs it. It sleeps from one edge of a window to the next, so that no window falls between
two looks, however short it is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from anomaly_dataplane.alerting.maintenance import Maintenance
from anomaly_dataplane.contract.config import Alerting, Match

LONGEST_SECONDS = 30.0
"""Between two looks: a clock may be set, or a machine sleep."""

logger = logging.getLogger(__name__)


class LearningPauses:
    """Says whenever it changes which series nothing is to be learnt from.

    Args:
        config: of alerting; `update` takes another one.
        pause: is given all of these series.
        wall_clock: Unix time in seconds.
    """

    def __init__(
        self,
        config: Alerting,
        pause: Callable[[Sequence[Match]], None],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._pause = pause
        self._wall_clock = wall_clock
        self._maintenance = Maintenance(config.maintenance)
        self._paused: tuple[Match, ...] = ()
        self._changed = asyncio.Event()

    def update(self, config: Alerting) -> None:
        """Go by other windows, at once."""
        self._maintenance = Maintenance(config.maintenance)
        self.look()
        self._changed.set()

    async def run(self) -> None:
        """Look at each edge of a window, for ever."""
        while True:
            seconds = self.look()
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()

    def look(self) -> float:
        """Say what has changed; returns the seconds until it may change again."""
        now_ms = self._wall_clock() * 1e3
        wanted = self._maintenance.unlearnt(now_ms)
        if wanted != self._paused:
            self._paused = wanted
            logger.info("maintenance: %d windows keep series from being learnt", len(wanted))
            self._pause(wanted)
        # A hair more than to the edge, which a timer might else reach too early.
        edge = (self._maintenance.changes_ms(now_ms) - now_ms) / 1e3 + 0.001
        return min(edge, LONGEST_SECONDS)
