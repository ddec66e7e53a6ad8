"""One run: fresh processes on a filled Redis, the load, the proof that all of it was counted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anomaly_dataplane.contract import runtime
from bench import loadgen, servers
from bench.document import document
from bench.filled import FilledStates
from bench.loadgen import Report
from bench.programs import Programs
from bench.servers import Server
from bench.variants import Ours, Peer, Variant
from bench.workloads import Workload


@dataclass(frozen=True, slots=True)
class Run:
    """What a run measured.

    Attributes:
        conflicts: series that were read again because another pod had been first.
        problems: why the run does not count; empty for a sound one.
    """

    workload: str
    variant: str
    round: int
    samples: int
    seconds: float
    pod_cpu_seconds: float
    redis_cpu_seconds: float
    latency_ms: Mapping[str, float]
    pod_rss_bytes: Sequence[int]
    conflicts: int
    sent: int
    committed: int
    problems: Sequence[str]

    @property
    def pod_us(self) -> float:
        """CPU microseconds of all pods for a sample."""
        return self.pod_cpu_seconds / self.samples * 1e6

    @property
    def redis_us(self) -> float:
        """CPU microseconds of all Redis servers for a sample."""
        return self.redis_cpu_seconds / self.samples * 1e6

    @property
    def total_us(self) -> float:
        """Both."""
        return self.pod_us + self.redis_us

    @property
    def throughput(self) -> float:
        """Samples/s."""
        return self.samples / self.seconds


@dataclass(frozen=True, slots=True)
class Bench:
    """What every run needs."""

    folder: Path
    programs: Programs
    filled: FilledStates
    warm_seconds: float
    measure_seconds: float

    def run(self, workload: Workload, variant: Variant, round_number: int) -> Run:
        """Do one run, with nothing left of it but the figures."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            folder = Path(name)
            with servers.redis_server(
                folder / "redis", self.filled.get(variant.state).rdb
            ) as store:
                if isinstance(variant, Peer):
                    return self._peer(workload, variant, round_number, folder, store)
                with self._pods(variant, folder, store) as pods:
                    return self.load(workload, variant, round_number, folder, pods, [store])

    def load(
        self,
        workload: Workload,
        variant: Ours,
        round_number: int,
        folder: Path,
        pods: Sequence[Server],
        stores: Sequence[Server],
    ) -> Run:
        """Put load on pods that run already."""
        before = int(str(servers.stats(pods[0], runtime.PATH_STATS)["samples"]))
        counted_before = _sum([pod.counters() for pod in pods])
        report = self._send(workload, folder, workload.format.path, pods, stores, pick=variant.pick)
        committed = int(str(servers.stats(pods[0], runtime.PATH_STATS)["samples"])) - before
        counted = _difference(_sum([pod.counters() for pod in pods]), counted_before)
        problems = [
            f"{counted[name]:.0f} {words}"
            for name, words in _UNWANTED.items()
            if counted.get(name, 0)
        ]
        conflicts = int(counted.get("commit_conflicts_total", 0))
        return _run(workload, variant, round_number, report, committed, conflicts, problems)

    def _peer(
        self, workload: Workload, variant: Peer, round_number: int, folder: Path, store: Server
    ) -> Run:
        with servers.go_peer(
            folder, self.programs.gopeer, store, variant.mode, variant.pipeline
        ) as peer:
            report = self._send(workload, folder, workload.format.peer_path, [peer], [store])
            counted = {name: int(str(n)) for name, n in servers.stats(peer, "/stats").items()}
        unwanted = ("duplicate", "errors", "rejected")
        problems = [f"{counted[name]} {name}" for name in unwanted if counted[name]]
        return _run(workload, variant, round_number, report, counted["scored"], 0, problems)

    @contextmanager
    def _pods(self, variant: Ours, folder: Path, store: Server) -> Iterator[list[Server]]:
        uid = self.filled.get(variant.state).uid
        text = document(variant.method, fast_path=variant.fast_path, uid=uid)
        with servers.pods(folder, text, store, variant.pods) as pods:
            yield pods

    def _send(
        self,
        workload: Workload,
        folder: Path,
        path: str,
        targets: Sequence[Server],
        stores: Sequence[Server],
        *,
        pick: str = "random",
    ) -> Report:
        return loadgen.send(
            self.programs.loadgen,
            folder,
            workload.load,
            path,
            targets,
            stores,
            pick=pick,
            warm=self.warm_seconds,
            measure=self.measure_seconds,
        )


_UNWANTED = {
    "samples_duplicate_total": "duplicates",
    "samples_late_total": "samples too late",
    "samples_rejected_total": "samples rejected",
    "requests_refused_total": "requests refused",
    "requests_failed_total": "requests failed by a defect",
    "redis_errors_total": "failed calls to Redis",
}
"""Counters of a pod that a run must not move: it would have measured something else."""


def _run(
    workload: Workload,
    variant: Variant,
    round_number: int,
    report: Report,
    committed: int,
    conflicts: int,
    problems: list[str],
) -> Run:
    measured = report.measured
    not_2xx = report.warm.not_2xx + measured.not_2xx
    if not_2xx:
        problems.append(f"{not_2xx} requests were not answered 2xx")
    if committed != report.sent:
        problems.append(f"{report.sent} samples acknowledged, {committed} counted")
    return Run(
        workload=workload.name,
        variant=variant.name,
        round=round_number,
        samples=max(measured.samples, 1),
        seconds=measured.seconds,
        pod_cpu_seconds=report.cpu("pod"),
        redis_cpu_seconds=report.cpu("redis"),
        latency_ms=measured.latency_ms,
        pod_rss_bytes=[size for name, size in report.rss_bytes.items() if name.startswith("pod")],
        conflicts=conflicts,
        sent=report.sent,
        committed=committed,
        problems=problems,
    )


def _sum(counters: Sequence[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for one in counters:
        for name, value in one.items():
            total[name] = total.get(name, 0.0) + value
    return total


def _difference(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0.0) for name, value in after.items()}
