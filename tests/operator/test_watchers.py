"""A watch that has ended ends the operator, which is then started anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from anomaly_operator.watchers import WatchLost, guard

SERVICES = "watcher for services.v1@team"
MONITORS = "watcher for servicemonitors.v1.monitoring.coreos.com@team"


async def test_a_watch_that_has_ended_is_noticed() -> None:
    """kopf logs it and goes on without."""
    looks: Iterator[list[str]] = iter([[], [SERVICES, MONITORS], [SERVICES], []])

    with pytest.raises(WatchLost, match="services"):
        await guard(lambda: next(looks), pause=0)


async def test_a_watch_of_the_pipelines_must_begin() -> None:
    """kopf looks for the kind once, and may do so a moment too early."""
    looks: Iterator[list[str]] = iter([[], [SERVICES], [SERVICES]])

    with pytest.raises(WatchLost, match="not watched"):
        await guard(lambda: next(looks), pause=0, looks=3)


async def test_a_watch_of_an_optional_kind_may_end() -> None:
    """Its API was uninstalled."""
    looks: Iterator[list[str]] = iter([[MONITORS], [], []])

    with pytest.raises(RuntimeError, match="StopIteration"):
        await guard(lambda: next(looks), pause=0)
