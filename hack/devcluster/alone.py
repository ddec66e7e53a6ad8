"""One at a time: whoever changes the cluster or the cache holds a lock meanwhile."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from devcluster.paths import Cache
from devcluster.screen import say


@contextmanager
def alone(cache: Cache, what: str = "lock") -> Iterator[None]:
    """Let one command at a time change things: all, or those of a lock of their own."""
    with (cache.folder() / what).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another devcluster command is at work; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
