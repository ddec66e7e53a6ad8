"""Notices when one of kopf's watches has ended for good, which kopf itself only logs.

Started by `run`. kopf begins a dropped watch anew, but an answer it does not expect ends the task,
and a kind that it did not find when it looked it may never look for again. The operator would be
deaf to that kind. The process ends then, to be started anew.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable

from anomaly_operator import kinds
from anomaly_operator.kinds import Kind

LOOK_SECONDS = 1.0
BEGIN_SECONDS = 60.0
"""In which the watch of the pipelines must have begun."""
_PREFIX = "watcher for "
_OPTIONAL = tuple(f"{_PREFIX}{kind.plural}." for kind in kinds.OPTIONAL)


class WatchLost(Exception):
    """A watch does not run any more."""


def running() -> set[str]:
    """The names of all tasks, kopf's watches among them."""
    return {task.get_name() for task in asyncio.all_tasks()}


def watched(kind: Kind, names: Iterable[str]) -> bool:
    """Whether one of these tasks watches a kind."""
    return any(name.startswith(f"{_PREFIX}{kind.plural}.") for name in names)


async def guard(
    names: Callable[[], Iterable[str]] = running,
    pause: float = LOOK_SECONDS,
    looks: int = int(BEGIN_SECONDS / LOOK_SECONDS),
) -> None:
    """Look now and then; after so many looks the pipelines must be watched.

    Raises:
        WatchLost: when a watch that ran does not any more; those of optional kinds may, since
            their API may be uninstalled.
    """
    seen: set[str] = set()
    for look in itertools.count(1):
        await asyncio.sleep(pause)
        found = {name for name in names() if name.startswith(_PREFIX)}
        if look >= looks and not watched(kinds.PIPELINE, found):
            raise WatchLost("the pipelines are not watched")
        lost = sorted(name for name in seen - found if not name.startswith(_OPTIONAL))
        if lost:
            raise WatchLost(f"does not run any more: {', '.join(lost)}")
        seen |= found
