"""What the person sees: one line per step with its seconds, and long waits that show they live."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from devcluster.errors import DevClusterError


def say(text: str) -> None:
    """Print a line of progress; standard output stays free for answers (`env`)."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Announce a step and say how long it took."""
    say(f"==> {what} …")
    start = time.monotonic()
    yield
    say(f"    {what}: {time.monotonic() - start:.1f} s")


def wait_for(what: str, ready: Callable[[], bool], seconds: float, pause: float = 0.3) -> None:
    """Wait until `ready` says so; raise with what was waited for when time is up."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise DevClusterError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(pause)
