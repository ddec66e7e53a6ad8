"""Sends the samples of the sources to a pipeline, in their order, and counts its verdicts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from demo import burst
from demo.burst import Burst
from demo.client import Client, Json
from demo.listening import Listening
from demo.plan import Plan
from demo.sample import Sample
from demo.sources.machine import NETWORK, Machine
from demo.tally import Tally


class Bar(Protocol):
    """Shows how far a replay is."""

    def advance(self) -> None:
        """One request more is done."""

    def extend(self) -> None:
        """One request more is to do."""


def history(client: Client, samples: Sequence[Sample], tally: Tally, bar: Bar) -> None:
    """Replay a recorded series as its device would have sent it: one sample a request, in order."""
    started = time.monotonic()
    for sample in samples:
        tally.add(client.send([sample]))
        tally.seconds = time.monotonic() - started
        bar.advance()


@dataclass(frozen=True, slots=True)
class Live:
    """The burst, and what the pipeline said of each sample that was taken while it lasted."""

    burst: Burst
    during: list[tuple[Sample, Json]]


def live(client: Client, machine: Machine, plan: Plan, tally: Tally, bar: Bar) -> Live:
    """Send readings of the machine as they are taken, with a burst of load in their midst.

    The burst waits, within the plan's patience, until an anomaly just before it is over.
    """
    pace = _Pace(plan.interval_seconds)
    listening = Listening()
    started = time.monotonic()

    def take(readings: int) -> list[tuple[Sample, Json]]:
        taken: list[tuple[Sample, Json]] = []
        for _ in range(readings):
            pace.wait()
            samples = machine.read()
            verdicts = client.send(samples)
            taken += zip(samples, verdicts, strict=True)
            listening.heard(samples, verdicts)
            tally.add(verdicts)
            tally.seconds = time.monotonic() - started
            bar.advance()
        return taken

    take(plan.calm)
    for _ in range(plan.patience):
        if listening.to(NETWORK):
            break
        bar.extend()
        take(1)
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
