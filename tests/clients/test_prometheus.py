"""Prometheus 3.16 writes what it scrapes, in either version, through outages of pod and Redis.

The config is that of docs/protocols.md, so what is told to people is what is tested.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from anomaly_dataplane.series import Series
from outages import Stack, a_stack
from polling import eventually
from prometheus_sender import a_prometheus, remote_write, settled

pytestmark = [pytest.mark.senders, pytest.mark.redis]


def samples_in_redis(stack: Stack) -> int:
    return stack.totals().samples


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_nothing_is_lost_or_doubled_through_outages(tmp_path: Path, version: str) -> None:
    """Redis away for ten seconds, the pod killed, the pod restarted; all while it scrapes."""
    with (
        a_stack(tmp_path) as stack,
        a_prometheus(
            tmp_path,
            remote_write(stack.url, version),
            {"pod": stack.pod.admin_port},
            "metadata-wal-records",
        ) as prometheus,
    ):
        eventually("samples arrive", lambda: samples_in_redis(stack) > 1000)
        stack.redis_away()
        time.sleep(2)
        stack.kill_pod(away=2)
        time.sleep(2)
        stack.restart_pod()
        time.sleep(2)
        prometheus.stop_scraping()
        settled(prometheus)

        scraped = prometheus.scraped()
        sent = sum(map(len, scraped.values()))
        assert samples_in_redis(stack) == sent, prometheus.said()[-3000:]
        assert stack.totals().series == len([samples for samples in scraped.values() if samples])
        assert prometheus.metric("prometheus_remote_storage_samples_retried_total") > 0
        assert prometheus.refused() == 0
        gauges = {
            Series(dict(labels)["__name__"], _labels(labels), 4): samples
            for labels, samples in scraped.items()
            if dict(labels)["__name__"] in ("up", "process_resident_memory_bytes")
        }
        assert len(gauges) == 4
        for series, samples in gauges.items():
            assert stack.samples(series.metric, **series.labels) == samples, series.name


def _labels(labels: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name: value for name, value in labels if name != "__name__"}
