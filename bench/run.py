"""One run: fresh processes on a filled Redis, the load, the proof that all of it was counted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anomaly_dataplane.contract import runtime
from bench import loadgen, servers
from bench.document import document
from bench.filled import FilledStates, run_starts_ms
from bench.loadgen import Report
from bench.programs import Programs
from bench.records import Run
from bench.servers import Server
from bench.variants import Ours, Peer, Variant
from bench.workloads import Workload


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is: variant and workload, in which round of which section of the plan.

    Attributes:
        after_ms: by how much later than the first run its timestamps start.
    """

    section: str
    workload: Workload
    variant: Variant
    round: int
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Bench:
    """What every run needs."""

    folder: Path
    programs: Programs
    filled: FilledStates
    warm_seconds: float
    measure_seconds: float

    def run(self, turn: Turn) -> Run:
        """Do one run, with nothing left of it but the figures."""
        variant = turn.variant
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            folder = Path(name)
            with servers.redis_server(
                folder / "redis", self.filled.get(variant.state).rdb
            ) as store:
                if isinstance(variant, Peer):
                    return self._peer(turn, variant, folder, store)
                with self._pods(variant, folder, store) as pods:
                    return self.load(turn, variant.pick, folder, pods, [store])

    def load(
        self,
        turn: Turn,
        pick: str,
        folder: Path,
        pods: Sequence[Server],
        stores: Sequence[Server],
    ) -> Run:
        """Put load on pods that run already."""
        before = int(str(servers.stats(pods[0], runtime.PATH_STATS)["samples"]))
        path = turn.workload.format.path
        report = self._send(turn, folder, path, pods, stores, pick=pick)
        committed = int(str(servers.stats(pods[0], runtime.PATH_STATS)["samples"])) - before
        # The pods are new, so these count the warm-up, too.
        problems = [
            f"{report.after[name]:.0f} {words}"
            for name, words in _UNWANTED.items()
            if report.after.get(name, 0)
        ]
        return record(turn, report, committed, problems)

    def _peer(self, turn: Turn, variant: Peer, folder: Path, store: Server) -> Run:
        path = turn.workload.format.peer_path
        with servers.go_peer(
            folder, self.programs.gopeer, store, variant.mode, variant.pipeline
        ) as peer:
            report = self._send(turn, folder, path, [peer], [store])
            counted = {name: int(str(n)) for name, n in servers.stats(peer, "/stats").items()}
        unwanted = ("duplicate", "errors", "rejected")
        problems = [f"{counted[name]} {name}" for name in unwanted if counted[name]]
        return record(turn, report, counted["scored"], problems)

    @contextmanager
    def _pods(self, variant: Ours, folder: Path, store: Server) -> Iterator[list[Server]]:
        uid = self.filled.get(variant.state).uid
        text = document(
            variant.method, fast_path=variant.fast_path, cache_bytes=variant.cache_bytes, uid=uid
        )
        with servers.pods(self.programs.python, folder, text, store, variant.pods) as pods:
            yield pods

    def _send(
        self,
        turn: Turn,
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
            turn.workload.load.starting(run_starts_ms(self.filled.now_ms) + turn.after_ms),
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


def record(turn: Turn, report: Report, committed: int, problems: list[str]) -> Run:
    """A run's record, with all that speaks against it.

    Args:
        turn: whose it was.
        report: of the load generator.
        committed: samples that the service says it has counted.
        problems: that are known already.
    """
    measured = report.measured
    not_2xx = report.warm.not_2xx + measured.not_2xx
    if not_2xx:
        problems.append(f"{not_2xx} requests were not answered 2xx")
    if committed != report.sent:
        problems.append(f"{report.sent} samples acknowledged, {committed} counted")
    return Run(
        section=turn.section,
        workload=turn.workload.name,
        variant=turn.variant.name,
        round=turn.round,
        samples=max(measured.samples, 1),
        seconds=measured.seconds,
        pod_cpu_seconds=report.cpu("pod"),
        redis_cpu_seconds=report.cpu("redis"),
        latency_ms=measured.latency_ms,
        pod_rss_bytes=[size for name, size in report.rss_bytes.items() if name.startswith("pod")],
        commits=int(report.counted("batch_series_sum")),
        groups=int(report.counted("batch_series_count")),
        group_seconds=report.counted("commit_duration_seconds_sum"),
        conflicts=int(report.counted("commit_conflicts_total")),
        sent=report.sent,
        committed=committed,
        problems=problems,
    )
