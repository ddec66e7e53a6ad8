"""Sends the samples of the sources to a pipeline, in their order, and counts its verdicts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from demo import burst
from demo.burst import Burst
from demo.client import Client, Json
from demo.plan import Plan
from demo.sample import Sample
from demo.sources.machine import Machine
from demo.tally import Tally

Advance = Callable[[], None]
"""Told after every request."""


def history(client: Client, samples: Sequence[Sample], tally: Tally, advance: Advance) -> None:
    """Replay a recorded series as its device would have sent it: one sample a request, in order."""
    started = time.monotonic()
    for sample in samples:
        tally.add(client.send([sample]))
        tally.seconds = time.monotonic() - started
        advance()


@dataclass(frozen=True, slots=True)
class Live:
    """The burst, and what the pipeline said of each sample that was taken while it lasted."""

    burst: Burst
    during: list[tuple[Sample, Json]]


def live(client: Client, machine: Machine, plan: Plan, tally: Tally, advance: Advance) -> Live:
    """Send readings of the machine as they are taken, with a burst of load in their midst."""
    pace = _Pace(plan.interval_seconds)
    started = time.monotonic()

    def take(readings: int) -> list[tuple[Sample, Json]]:
        taken: list[tuple[Sample, Json]] = []
        for _ in range(readings):
            pace.wait()
            samples = machine.read()
            verdicts = client.send(samples)
            taken += zip(samples, verdicts, strict=True)
            tally.add(verdicts)
            tally.seconds = time.monotonic() - started
            advance()
        return taken

    take(plan.calm)
    begin = time.time()
    with burst.load(plan.burst_seconds):
        during = take(plan.during)
        end = time.time()
    take(plan.after)
    return Live(Burst(begin, end), during)


def endless(client: Client, machine: Machine, interval_seconds: float, tally: Tally) -> None:
    """Go on with live readings until interrupted."""
    pace = _Pace(interval_seconds)
    while True:
        pace.wait()
        tally.add(client.send(machine.read()))


class _Pace:
    """Waits for the next beat; beats that were missed are not made up for."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval_seconds = interval_seconds
        self._next = time.monotonic()

    def wait(self) -> None:
        self._next = max(self._next + self._interval_seconds, time.monotonic())
        time.sleep(max(0.0, self._next - time.monotonic()))
