"""Which provider to use: the one said, the one that is up, or the first that works."""

import os
from collections.abc import Callable
from enum import StrEnum

from devcluster.access import Provider
from devcluster.current import Current
from devcluster.errors import DevClusterError
from devcluster.images.engine import answering_engine
from devcluster.kind import STOCK_IMAGE, Kind
from devcluster.local import Local
from devcluster.paths import Cache
from devcluster.screen import say


class Choice(StrEnum):
    """What CLUSTER may say."""

    AUTO = "auto"
    LOCAL = "local"
    KIND = "kind"
    CURRENT = "current"


def automatic(
    *, engine_answers: bool, node_image: str, can_pull_stock: Callable[[], bool]
) -> Choice:
    """Return kind where it can work, else local; never the user's current cluster.

    `can_pull_stock` is only asked when the answer matters, for it may take long.
    """
    if engine_answers and (node_image or can_pull_stock()):
        return Choice.KIND
    return Choice.LOCAL


def to_make(cache: Cache, said: Choice) -> Choice:
    """Return the provider that `up` makes; a cluster that is up already stays the automatic one."""
    if said is not Choice.AUTO:
        return said
    if remembered := active(cache):
        return remembered
    engine = answering_engine()
    found = automatic(
        engine_answers=engine is not None,
        node_image=os.environ.get("KIND_NODE_IMAGE", ""),
        can_pull_stock=lambda: engine is not None and engine.can_pull(STOCK_IMAGE),
    )
    say(f"CLUSTER=auto: using {found}")
    return found


def to_use(cache: Cache, said: Choice) -> Choice:
    """Return the provider that every command but `up` is about."""
    found = active(cache) if said is Choice.AUTO else said
    if found is None:
        raise DevClusterError("no cluster is up; `make cluster` makes one")
    return found


def active(cache: Cache) -> Choice | None:
    """Return the provider that is up, as `up` left it written."""
    try:
        return Choice(cache.active.read_text().strip())
    except (FileNotFoundError, ValueError):
        return None


def provider(cache: Cache, choice: Choice) -> Provider:
    """Return the provider of a choice that is made."""
    if choice is Choice.LOCAL:
        return Local(cache)
    if choice is Choice.KIND:
        return Kind(cache, os.environ.get("KIND_NODE_IMAGE", ""))
    if choice is Choice.CURRENT:
        return Current(cache)
    raise DevClusterError(f"{choice} names no single provider")
