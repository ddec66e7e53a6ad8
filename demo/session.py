"""One run: replay both sources through a target, ask it what it found, show it, tell the truth."""

from __future__ import annotations

import socket
from contextlib import closing

from demo import findings, replay
from demo.client import Client
from demo.console import Console
from demo.errors import DemoError
from demo.findings import Finding
from demo.plan import Plan
from demo.replay import Live
from demo.sources import waterflow
from demo.sources.machine import Machine
from demo.tally import Tally
from demo.target import Target

_LIVE_ROWS = 6
_RECORDED_ROWS = 4
"""Of each source in the table."""


def run(target: Target, plan: Plan, console: Console, *, keep: bool) -> None:
    """Replay, report, and with `keep` go on until interrupted."""
    device = socket.gethostname()
    with closing(Client(target.url)) as client:
        recorded, live = Tally(), Tally()
        samples = waterflow.read()
        console.step(
            "WaterFlow",
            f"{len(samples)} hourly readings of a water main, March to May 2022 (from the river "
            "package), one sample a request",
        )
        with console.progress("replaying", len(samples), recorded) as bar:
            replay.history(client, samples, recorded, bar)
        console.step(
            "Machine",
            f"CPU, memory, network and context switches of {device}, every "
            f"{plan.interval_seconds:g} s; after "
            f"{plan.calm * plan.interval_seconds:.0f} s or so a burst "
            f"of real load of {plan.burst_seconds:g} s",
        )
        source = Machine(device)
        with console.progress("live", plan.readings, live) as bar:
            watched = replay.live(client, source, plan, live, bar)
        _report(client, watched, device, recorded, live, console)
        if keep:
            console.note(
                "\nGoing on with live readings until Ctrl-C. See it in a browser, or ask it:\n"
                f"  {target.url}/\n  {_curl(target)}"
            )
            replay.endless(client, source, plan.interval_seconds, live)


def _report(
    client: Client, watched: Live, device: str, recorded: Tally, live: Tally, console: Console
) -> None:
    total = recorded + live
    if not total.taken:
        raise DemoError(f"not one sample of {total.sent} was taken: {total.refused}")
    found = [Finding.of(raw) for raw in client.anomalies()]
    groups = [
        findings.strongest(found, device, _LIVE_ROWS),
        findings.strongest(found, waterflow.DEVICE, _RECORDED_ROWS),
    ]

    def mark(one: Finding) -> str:
        return "<- the injected burst" if findings.in_burst(one, watched.burst, device) else ""

    console.findings(groups, mark)
    highest = findings.peaks(watched.during)
    hits = findings.hits(found, highest, watched.burst, device)
    console.step("Burst", findings.burst_in_words(hits, highest, watched.burst))
    console.step("Truth", findings.truth(recorded, live, len(found)))
    if client.retries:
        console.step("Retries", f"{client.retries} requests had to be sent again")


def _curl(target: Target) -> str:
    return f"curl -s '{target.url}/api/v1/anomalies?limit=5'"
