"""What is not a ratio: bytes of AOF, of Redis and of the pod."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from anomaly_dataplane.contract import runtime
from bench import loadgen, servers
from bench.document import document
from bench.errors import BenchError
from bench.filled import run_starts_ms
from bench.records import Written
from bench.run import Bench
from bench.servers import Server
from bench.variants import Ours
from bench.workloads import Workload

_REWRITE_SECONDS = 60.0
_QUIET_SECONDS = 3.5
"""With appendfsync everysec and a slow disk the write lags two to three seconds behind."""


def written(bench: Bench, workload: Workload, variant: Ours) -> Written:
    """Run a workload with AOF on and its rewriting off, and wait until all of it is written."""
    filled = bench.filled.get(variant.state)
    text = document(variant.method, fast_path=variant.fast_path, uid=filled.uid)
    with tempfile.TemporaryDirectory(dir=bench.folder) as name:
        folder = Path(name)
        with (
            servers.redis_server(folder / "redis", filled.rdb) as store,
            servers.pod(bench.programs.python, folder, text, store) as pod,
        ):
            _turn_aof_on(store)
            before = _sizes(store)
            report = loadgen.send(
                bench.programs.loadgen,
                folder,
                workload.load.starting(run_starts_ms(bench.filled.now_ms)),
                runtime.PATH_INGEST,
                [pod],
                [store],
                warm=bench.warm_seconds,
                measure=bench.measure_seconds,
            )
            with _stopped(pod):
                after = _settled(store)
    # The pod is new: like the sizes, these include the warm-up.
    commits = int(report.after["batch_series_sum"])
    if report.warm.not_2xx + report.measured.not_2xx or not commits:
        raise BenchError(f"AOF, {workload.name}: answers {dict(report.measured.codes)}")
    return Written(
        workload=workload.name,
        method=variant.method,
        samples=report.sent,
        commits=commits,
        groups=int(report.after["batch_series_count"]),
        aof_bytes=after["aof_current_size"] - before["aof_current_size"],
        wire_in_bytes=after["total_net_input_bytes"] - before["total_net_input_bytes"],
        wire_out_bytes=after["total_net_output_bytes"] - before["total_net_output_bytes"],
        redis_us=report.cpu("redis") / report.measured.samples * 1e6,
    )


def idle_pod_bytes(bench: Bench, method: str) -> int:
    """Resident memory of a pod that has seen nothing."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as name:
        folder = Path(name)
        with (
            servers.redis_server(folder / "redis") as store,
            servers.pod(bench.programs.python, folder, document(method), store) as pod,
        ):
            time.sleep(1)
            return servers.resident_bytes(pod.pid)


_SIZES = ("aof_current_size", "total_net_input_bytes", "total_net_output_bytes")


def _sizes(store: Server) -> Mapping[str, int]:
    with servers.client(store) as client:
        info = {**client.info("persistence"), **client.info("stats")}
    return {name: int(info.get(name, 0)) for name in _SIZES}


def _turn_aof_on(store: Server) -> None:
    with servers.client(store) as client:
        client.config_set("auto-aof-rewrite-percentage", "0")
        client.config_set("appendfsync", "everysec")
        client.config_set("appendonly", "yes")
        give_up = time.monotonic() + _REWRITE_SECONDS
        while True:
            info = client.info("persistence")
            if not info["aof_rewrite_in_progress"] and not info["aof_rewrite_scheduled"]:
                if info["aof_last_bgrewrite_status"] != "ok":
                    raise BenchError("Redis could not turn its AOF on")
                return
            if time.monotonic() > give_up:
                raise BenchError(f"Redis did not write its AOF in {_REWRITE_SECONDS:.0f} s")
            time.sleep(0.1)


@contextmanager
def _stopped(pod: Server) -> Iterator[None]:
    """Hold a pod up: one that has nothing to do still renews leases, and the AOF would grow on."""
    os.kill(pod.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pod.pid, signal.SIGCONT)


def _settled(store: Server) -> Mapping[str, int]:
    """The sizes, once the AOF has stopped growing."""
    sizes, since = _sizes(store), time.monotonic()
    while time.monotonic() - since < _QUIET_SECONDS:
        time.sleep(0.25)
        now = _sizes(store)
        if now["aof_current_size"] != sizes["aof_current_size"]:
            sizes, since = now, time.monotonic()
    return sizes
