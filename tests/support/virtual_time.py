"""An event loop whose clock stands still while anything runs, and jumps when all is asleep."""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class VirtualTime(asyncio.SelectorEventLoop):
    """Pauses of seconds take none; a test that waits for what never comes fails at once."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumping(self._jump))

    def time(self) -> float:
        return self.now

    def _jump(self, seconds: float) -> None:
        # A little further: a moment that is reached but for a rounding error never comes.
        self.now += seconds + 1e-6 if seconds else 0


class _Jumping(selectors.DefaultSelector):
    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everything waits, and nothing will ever come")
        self._jump(timeout)
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        return ready


def in_virtual_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A coroutine test on such a loop: however busy the machine, seconds are as long as meant."""

    @functools.wraps(test)
    def run() -> None:
        with asyncio.Runner(loop_factory=VirtualTime) as runner:
            runner.run(test())

    return run
