"""Runs as the benchmark records them, with figures that are easy to reckon with."""

from __future__ import annotations

from bench.records import Run


def a_run(
    variant: str,
    section: str = "W1",
    *,
    round_number: int = 1,
    samples: int = 1000,
    pod_us: float = 10.0,
    redis_us: float = 5.0,
    seconds: float = 1.0,
    p99_ms: float = 2.0,
    group: float = 1.0,
    commits: float = 1.0,
    conflicts: int = 0,
    problems: tuple[str, ...] = (),
) -> Run:
    """A run with these figures a sample."""
    return Run(
        section=section,
        workload=section,
        variant=variant,
        round=round_number,
        samples=samples,
        seconds=seconds,
        pod_cpu_seconds=pod_us * samples / 1e6,
        redis_cpu_seconds=redis_us * samples / 1e6,
        latency_ms={"p99": p99_ms},
        pod_rss_bytes=[100 * 2**20],
        commits=round(samples * commits),
        groups=round(samples / group),
        group_seconds=samples / group * 0.001,
        conflicts=conflicts,
        sent=samples,
        committed=samples,
        problems=list(problems),
    )
