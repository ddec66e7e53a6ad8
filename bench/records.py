"""What is recorded of every run and of the other measurements; `results.py` keeps it as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """What a run measured.

    Attributes:
        samples: that were measured; only `sent` and `committed` include the warm-up.
        commits: of one series each; several samples of a series in a group are one commit.
        groups: that those commits were made in.
        group_seconds: that the groups took, from load to answer, added up.
        conflicts: series that were read again because another pod had been first.
        problems: why the run does not count; empty for a sound one.
    """

    section: str
    workload: str
    variant: str
    round: int
    samples: int
    seconds: float
    pod_cpu_seconds: float
    redis_cpu_seconds: float
    latency_ms: Mapping[str, float]
    pod_rss_bytes: Sequence[int]
    commits: int
    groups: int
    group_seconds: float
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
class Written:
    """What the commits of a run sent over the wire and wrote to the append-only file.

    Attributes:
        commits: of one series each; several samples of a series in a group are one commit.
        redis_us: CPU of Redis a sample, with the AOF on.
        wire_in_bytes: that Redis received, reading of cold series included.
    """

    workload: str
    method: str
    samples: int
    commits: int
    groups: int
    aof_bytes: int
    wire_in_bytes: int
    wire_out_bytes: int
    redis_us: float

    @property
    def aof_bytes_per_commit(self) -> float:
        """Bytes of AOF for each commit of a series."""
        return self.aof_bytes / self.commits


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled Redis.

    Attributes:
        rdb: its data.
        uid: of the pipeline in it; empty for the baseline.
        samples: counted by the pipeline in it.
        series_bytes: used_memory that deleting blocks and names gives back, divided by the
            series: what Redis spends on keys included.
        key_bytes: MEMORY USAGE of one series' key.
        outbox_bytes: of the streams of anomalies, which do not grow with the series.
        alert_bytes: of alerts and of notices on their way: the load opens one for nearly every
            series where each outlier is an anomaly, as none does that anybody looks after.
    """

    rdb: Path
    uid: str
    samples: int
    series_bytes: float
    key_bytes: int
    outbox_bytes: int
    alert_bytes: int = 0
