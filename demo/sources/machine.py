"""Live readings of this machine, by psutil.

The load average is left out on purpose: the kernel renews it every five seconds only, so at five
readings a second it is a staircase, whose every step lies far outside its own flat past.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil

from demo.sample import Sample

CPU = "cpu_percent"
MEMORY = "memory_mib"
NETWORK = "network_mib_per_s"
SWITCHES = "context_switches_per_s"
METRICS = (CPU, MEMORY, NETWORK, SWITCHES)

_MEBI = 1024.0 * 1024.0


@dataclass(frozen=True, slots=True)
class Counters:
    """What the kernel counts since boot, at one moment."""

    monotonic: float
    network_bytes: int
    context_switches: int

    @classmethod
    def now(cls) -> Counters:
        """The counters of this machine; loopback is part of the network."""
        network = psutil.net_io_counters(nowrap=True)
        return cls(
            time.monotonic(),
            network.bytes_sent + network.bytes_recv,
            psutil.cpu_stats().ctx_switches,
        )


class Machine:
    """Reads the machine it runs on; rates are over the time since the reading before."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._before = Counters.now()
        psutil.cpu_percent()  # its first answer means nothing

    def read(self) -> list[Sample]:
        """One sample of each metric, all of this moment."""
        cpu, memory, now = psutil.cpu_percent(), psutil.virtual_memory(), Counters.now()
        network, switches = rates(self._before, now)
        self._before = now
        timestamp = round(time.time(), 3)
        values = {
            CPU: cpu,
            MEMORY: round(memory.used / _MEBI, 3),
            NETWORK: round(network / _MEBI, 6),
            SWITCHES: round(switches, 1),
        }
        return [Sample(metric, self._device, timestamp, values[metric]) for metric in METRICS]


def rates(before: Counters, now: Counters) -> tuple[float, float]:
    """Network bytes and context switches per second between two moments."""
    seconds = max(now.monotonic - before.monotonic, 1e-3)
    return (
        max(0, now.network_bytes - before.network_bytes) / seconds,
        max(0, now.context_switches - before.context_switches) / seconds,
    )
