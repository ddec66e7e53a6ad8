"""Prometheus 3.16 writes what it scrapes, in either version, through outages of pod and Redis.

The config is that of docs/protocols.md, so what is told to people is what is tested.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_dataplane.series import Series
from outages import Stack, a_stack
from polling import eventually
from prometheus_sender import Prometheus, a_prometheus, settled

pytestmark = [pytest.mark.senders, pytest.mark.redis, pytest.mark.timeout(300)]

PAGE = Path(__file__).parents[2] / "docs" / "protocols.md"
V2 = "io.prometheus.write.v2.Request"


def remote_write(stack: Stack, version: str) -> dict[str, Any]:
    """The `remote_write` of the page for a pod; all metrics are sent."""
    snippet = re.search(r"```yaml\n(# prometheus\.yml\n.*?)```", PAGE.read_text(), re.DOTALL)
    assert snippet is not None
    (entry,) = yaml.safe_load(snippet[1])["remote_write"]
    assert entry["protobuf_message"] == V2
    del entry["write_relabel_configs"]
    if version == "1.0":
        del entry["protobuf_message"]
    entry["url"] = stack.url + "/" + entry["url"].partition("/default/boiler-room/")[2]
    return {**entry, "name": "pipeline"}


def samples_in_redis(stack: Stack) -> int:
    return stack.totals().samples


def refused(prometheus: Prometheus) -> float:
    """Samples that Prometheus knows to be lost."""
    prefix = "prometheus_remote_storage_samples_"
    dropped = prometheus.metric(f"{prefix}dropped_total", may_lack=True)
    return prometheus.metric(f"{prefix}failed_total") + dropped


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_nothing_is_lost_or_doubled_through_outages(tmp_path: Path, version: str) -> None:
    """Redis away for ten seconds, the pod killed, the pod restarted; all while it scrapes."""
    with (
        a_stack(tmp_path) as stack,
        a_prometheus(
            tmp_path,
            remote_write(stack, version),
            {"pod": stack.pod.admin_port},
            "metadata-wal-records",
        ) as prometheus,
    ):
        eventually("samples arrive", lambda: samples_in_redis(stack) > 1000, within=30)
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
        assert refused(prometheus) == 0
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
