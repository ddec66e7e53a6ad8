"""Redis with full windows, made once and kept as an RDB file that every run starts from.

All runs of a kind thus begin with the same state, no run sees another's keys, and none spends its
time on filling. The last time of the filling is minutes ago, so what a run sends is newer.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from anomaly_dataplane.contract import runtime
from bench import loadgen, servers
from bench.document import document
from bench.errors import BenchError
from bench.loadgen import Load
from bench.programs import Programs
from bench.records import Filled
from bench.servers import Server

WINDOW = 128
"""Samples of the baseline's window; ours has 120 by default."""

_RUN = 132
"""Samples a series gets at least: more than either window."""
_SPREAD = 120
"""And up to so many more, that not all windows turn over in the same moment of a run."""
_REQUEST_SAMPLES = 3000
_AGE_MS = 600_000


def fill_for_peer(folder: Path, series: int) -> Filled:
    """The baseline's lists, as it would have written them."""
    noise = random.Random(1)  # noqa: S311  # values, not secrets
    with servers.redis_server(folder) as store, servers.client(store) as client:
        before = _used(store)
        for first in range(0, series, 500):
            pipe = client.pipeline(transaction=False)
            for i in range(first, min(first + 500, series)):
                values = [repr(round(noise.gauss(20, 1), 3)) for _ in range(WINDOW)]
                pipe.rpush(f"win:device-{i:05d}:temperature", *values)
            pipe.execute()
        return _kept(store, folder, before, series, "", 0, "win:device-00000:temperature")


def fill_for_pods(folder: Path, programs: Programs, series: int, method: str) -> Filled:
    """Blocks and names of our own, through a pod."""
    uid = str(uuid.uuid4())
    with servers.redis_server(folder) as store:
        before = _used(store)
        text = document(method, uid=uid)
        with servers.pod(folder, text, store) as pod:
            samples = fill(folder, programs, series, pod, store)
        with servers.client(store) as client:
            key = next(iter(client.scan_iter(match="*:s:*", count=1000)))
        return _kept(store, folder, before, series, uid, samples, key)


def fill(folder: Path, programs: Programs, series: int, pod: Server, store: Server) -> int:
    """Send every series more samples than a window holds; returns how many are committed."""
    load = Load(
        "array",
        samples=_REQUEST_SAMPLES,
        per_series=_RUN,
        connections=4,
        series=series,
        spread=_SPREAD,
        start_ms=int(time.time() * 1000) - _AGE_MS,
    )
    report = loadgen.send(
        programs.loadgen, folder, load, runtime.PATH_INGEST, [pod], [store], warm=0, measure=0
    )
    committed = int(str(servers.stats(pod, runtime.PATH_STATS)["samples"]))
    if report.warm.not_2xx or committed != report.sent:
        raise BenchError(
            f"filling: {report.sent} samples acknowledged, {committed} committed, "
            f"answers {dict(report.warm.codes)}"
        )
    return committed


def _used(store: Server) -> int:
    with servers.client(store) as client:
        return int(client.info("memory")["used_memory"])


def _kept(
    store: Server,
    folder: Path,
    used_before: int,
    series: int,
    uid: str,
    samples: int,
    key: str | bytes,
) -> Filled:
    with servers.client(store) as client:
        outbox = sum(
            int(client.memory_usage(name, samples=0) or 0)
            for name in client.scan_iter(match="*:outbox", count=10_000)
        )
        key_bytes = int(client.memory_usage(key) or 0)
        client.save()
    used = _used(store) - used_before - outbox
    return Filled(folder / "dump.rdb", uid, samples, used / series, key_bytes, outbox)


class FilledStates:
    """Fills each kind of state when it is first asked for."""

    def __init__(
        self, folder: Path, programs: Programs, series: int, say: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._programs = programs
        self._series = series
        self._say = say
        self.made: dict[str, Filled] = {}

    def get(self, state: str) -> Filled:
        """The filled Redis of a variant's `state`."""
        if state not in self.made:
            self._say(f"filling the windows of {self._series} series: {state}")
            folder = self._folder / f"filled-{state}"
            if state == "go":
                self.made[state] = fill_for_peer(folder, self._series)
            else:
                self.made[state] = fill_for_pods(folder, self._programs, self._series, state)
        return self.made[state]
