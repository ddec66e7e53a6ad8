"""Feeds targets until their share of inputs or of time is used up, and keeps what is found."""

from __future__ import annotations

import faulthandler
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz.mutations import Mutator
from fuzz.seeds import seeds
from fuzz.targets import Finding, Target

SLOW_SECONDS = 1.0
"""Of CPU for one input of at most 60 kB: what a sender could keep a pod busy with."""
HANG_SECONDS = 600
"""For all inputs between two looks, on a machine that others keep busy, too."""
_LOOK_EVERY = 500


@dataclass(frozen=True, slots=True)
class Found:
    """An input that broke something."""

    target: str
    error: str
    data: bytes

    def keep(self, folder: Path) -> Path:
        """Write the input to a file of its own."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{abs(hash((self.target, self.data))):x}"
        path.write_bytes(self.data)
        return path


def feed(target: Target, data: bytes) -> None:
    """Put one input through a target, and hold against it how long that took.

    Raises:
        Finding: it took too long, or what the target says.
    """
    started = time.process_time()
    target.feed(data)
    seconds = time.process_time() - started
    if seconds > target.tally.slowest_seconds:
        target.tally.slowest_seconds, target.tally.slowest = seconds, data
    if seconds > SLOW_SECONDS:
        raise Finding(f"took {seconds:.1f} s")


def shares_of(targets: Sequence[Target], inputs: int) -> list[int]:
    """How many inputs each target gets: each protocol as many, however many ways lead to it."""
    ways = Counter(target.protocol for target in targets)
    return [-(-inputs // (len(ways) * ways[target.protocol])) for target in targets]


def run(
    targets: Sequence[Target],
    inputs: int,
    *,
    seconds: float = float("inf"),
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Found | None:
    """Feed each target its share, as `shares_of` has it; returns the first thing found.

    Args:
        targets: to feed.
        inputs: of all of them together.
        seconds: after which it is enough.
        seed: of the random numbers.
        tell: is told now and then how far it is.
    """
    started = time.monotonic()
    shares = shares_of(targets, inputs)
    for number, (target, share) in enumerate(zip(targets, shares, strict=True), 1):
        mutator = Mutator(seeds(target.protocol), random.Random(f"{seed} {target.name}"))  # noqa: S311
        until = started + seconds * sum(shares[:number]) / sum(shares)
        for fed in range(share):
            if fed % _LOOK_EVERY == 0:
                # A hang ends the process and shows where it hung.
                faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
                if time.monotonic() > until:
                    break
            data = mutator.input()
            try:
                feed(target, data)
            except Exception as error:
                faulthandler.cancel_dump_traceback_later()
                return Found(target.name, f"{type(error).__name__}: {error}", data)
        faulthandler.cancel_dump_traceback_later()
        tell(f"{target.name}: {target.tally.inputs:,} inputs")
    return None
