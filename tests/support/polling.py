"""Waits for the world to become as a test expects it: the only place where tests pause."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PAUSE = 0.25
PATIENCE = 150.0
"""Long enough for a slow and busy machine, wherever a test says nothing about speed."""


def eventually(
    what: str, probe: Callable[[], T | None], *, within: float = PATIENCE, pause: float = 0.25
) -> T:
    """Call `probe` until it returns something true, and return that.

    An AssertionError of the probe counts as "not yet"; its text, or the last value, is in the
    message when time is up. `within` is for those who promise a speed.
    """
    deadline = time.monotonic() + within
    last: object = None
    while True:
        try:
            value = probe()
            if value:
                return value
            last = value
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {within:g} s: {what}; last seen: {last}")
        time.sleep(pause)


def never(what: str, probe: Callable[[], object], *, during: float, pause: float = 0.5) -> None:
    """Check for a while that `probe` stays false."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        seen = probe()
        assert not seen, f"should not happen: {what}; seen: {seen}"
        time.sleep(pause)
