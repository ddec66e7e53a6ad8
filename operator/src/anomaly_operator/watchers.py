"""Notices when one of kopf's watches has ended for good, which kopf itself only logs.

Started by `run`. kopf begins a dropped watch anew, but an answer it does not expect ends the task,
and the operator would be deaf to that kind. The process ends then, to be started anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from anomaly_operator import kinds

LOOK_SECONDS = 5.0
_PREFIX = "watcher for "
_OPTIONAL = tuple(f"{_PREFIX}{kind.plural}." for kind in kinds.OPTIONAL)


class WatchLost(Exception):
    """A watch does not run any more."""


def _names() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks()}


async def guard(names: Callable[[], Iterable[str]] = _names, pause: float = LOOK_SECONDS) -> None:
    """Look now and then.

    Raises:
        WatchLost: when a watch that ran does not any more; those of optional kinds may, since
            their API may be uninstalled.
    """
    seen: set[str] = set()
    while True:
        await asyncio.sleep(pause)
        running = {name for name in names() if name.startswith(_PREFIX)}
        lost = sorted(name for name in seen - running if not name.startswith(_OPTIONAL))
        if lost:
            raise WatchLost(f"does not run any more: {', '.join(lost)}")
        seen |= running
