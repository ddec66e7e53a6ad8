"""Redis with full windows, made once and kept as an RDB file that every run starts from.

All runs of a kind thus begin with the same state, no run sees another's keys, and none spends its
time on filling.

What a commit costs depends on the series: now and then its window turns over, its journal is full,
a half hour ends. A short run sees each series a few times only, so the filling spreads these
moments evenly over the series. Filling and runs have times in the middle of one half hour that is
over, lest all series enter another one in the same run.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import redis

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

_PASSES = 35
"""In which ever more series get one sample more. A multiple of the commits from one full write of
a block to the next: seven with Fused, five with ZScore."""
_PASS_SAMPLES = 500

_HALF_HOUR_MS = 1_800_000
"""Of a season bin."""
_PASSES_AFTER_MS = 10_000
_RUNS_AFTER_MS = 60_000


def filling_starts_ms(now_ms: int) -> int:
    """The first time of the filling: ten minutes into a half hour that is over."""
    return now_ms // _HALF_HOUR_MS * _HALF_HOUR_MS - _HALF_HOUR_MS * 2 // 3


def run_starts_ms(now_ms: int) -> int:
    """The first time of a run, after all of the filling and in the same half hour."""
    return filling_starts_ms(now_ms) + _RUNS_AFTER_MS


def fill_for_peer(folder: Path, series: int) -> Filled:
    """The baseline's lists, as it would have written them."""
    noise = random.Random(1)  # noqa: S311  # values, not secrets
    with servers.redis_server(folder) as store, servers.client(store) as client:
        for first in range(0, series, 500):
            pipe = client.pipeline(transaction=False)
            for i in range(first, min(first + 500, series)):
                values = [repr(round(noise.gauss(20, 1), 3)) for _ in range(WINDOW)]
                pipe.rpush(f"win:device-{i:05d}:temperature", *values)
            pipe.execute()
        return _kept(store, folder, series, "", 0, "win:device-00000:temperature")


def fill_for_pods(
    folder: Path, programs: Programs, series: int, method: str, now_ms: int
) -> Filled:
    """Blocks and names of our own, through a pod."""
    uid = str(uuid.uuid4())
    with servers.redis_server(folder) as store:
        text = document(method, uid=uid)
        with servers.pod(programs.python, folder, text, store) as pod:
            samples = fill(folder, programs, series, pod, store, now_ms)
        with servers.client(store) as client:
            key = next(iter(client.scan_iter(match="*:s:*", count=1000)))
        return _kept(store, folder, series, uid, samples, key)


def fill(
    folder: Path, programs: Programs, series: int, pod: Server, store: Server, now_ms: int
) -> int:
    """Send every series more samples than a window holds; returns how many are committed."""
    start_ms = filling_starts_ms(now_ms)
    windows = Load(
        "array",
        samples=_REQUEST_SAMPLES,
        per_series=_RUN,
        connections=4,
        series=series,
        spread=_SPREAD,
        start_ms=start_ms,
    )
    passes = (
        Load(
            "array",
            samples=_PASS_SAMPLES,
            per_series=1,
            connections=1,
            series=series,
            every=_PASSES,
            first=number,
            start_ms=start_ms + _PASSES_AFTER_MS + 1000 * number,
        )
        for number in range(1, _PASSES + 1)
    )
    sent = 0
    for load in (windows, *passes):
        report = loadgen.send(
            programs.loadgen, folder, load, runtime.PATH_INGEST, [pod], [store], warm=0, measure=0
        )
        sent += report.sent
        if report.warm.not_2xx:
            raise BenchError(f"filling: answers {dict(report.warm.codes)}")
    committed = int(str(servers.stats(pod, runtime.PATH_STATS)["samples"]))
    if committed != sent:
        raise BenchError(f"filling: {sent} samples acknowledged, {committed} committed")
    return committed


def _used(store: Server) -> int:
    with servers.client(store) as client:
        return int(client.info("memory")["used_memory"])


def _kept(
    store: Server,
    folder: Path,
    series: int,
    uid: str,
    samples: int,
    key: str | bytes,
) -> Filled:
    with servers.client(store) as client:
        key_bytes = int(client.memory_usage(key) or 0)
        client.save()
        # By what deleting gives back: MEMORY USAGE only estimates streams, and the growth of
        # used_memory holds the garbage of the Function's Lua, too.
        outbox = _freed(client, store, "*:outbox")
        alerts = _freed(client, store, "*:alerts", "*:notices:*", "*:deadletters")
        kept = _freed(client, store, "*:s:*", "*:names", "win:*")
    return Filled(folder / "dump.rdb", uid, samples, kept / series, key_bytes, outbox, alerts)


def _freed(client: redis.Redis, store: Server, *patterns: str) -> int:
    """Delete all keys that match; returns the memory that this gave back."""
    names = [n for pattern in patterns for n in client.scan_iter(match=pattern, count=10_000)]
    before = _used(store)
    for first in range(0, len(names), 100):
        client.delete(*names[first : first + 100])
    return before - _used(store)


class FilledStates:
    """Fills each kind of state when it is first asked for.

    Attributes:
        now_ms: Unix time of its making, that times of fillings and runs are reckoned from.
        made: what is filled, by state.
    """

    def __init__(
        self, folder: Path, programs: Programs, series: int, say: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._programs = programs
        self._series = series
        self._say = say
        self.now_ms = int(time.time() * 1000)
        self.made: dict[str, Filled] = {}

    def get(self, state: str) -> Filled:
        """The filled Redis of a variant's `state`."""
        if state not in self.made:
            self._say(f"filling the windows of {self._series} series: {state}")
            folder = self._folder / f"filled-{state}"
            if state == "go":
                self.made[state] = fill_for_peer(folder, self._series)
            else:
                self.made[state] = fill_for_pods(
                    folder, self._programs, self._series, state, self.now_ms
                )
        return self.made[state]
