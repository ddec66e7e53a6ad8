"""A whole pod on a real Redis that goes away and comes back."""

from __future__ import annotations

import asyncio
import time

import pytest

from anomaly_dataplane.contract.config import parse
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.store.connect import connect
from redis_server import redis_server
from running_pod import RunningPod, running_pod

SAMPLE = {"metric": "m", "value": 1}


async def until_ready(pod: RunningPod, ready: bool) -> None:
    """The pod asks the store once a second."""
    async with asyncio.timeout(30):
        while ((await pod.admin("/readyz")).status == 200) is not ready:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.redis
async def test_an_outage_is_told_everywhere_and_heals_by_itself() -> None:
    """503 to senders, not ready to the kubelet, the reason in the stats, alive all along."""
    # With `everysec` a killed Redis may lose what it has acknowledged within the last two seconds.
    with redis_server("--appendfsync", "always") as server:
        config = parse({"redis": {"urls": [server.url]}, "pipeline": {"uid": "outage"}})
        store = connect(config, Unobserved(), username=None, password=None)
        async with running_pod(config, store) as pod:
            await until_ready(pod, True)
            sample = {**SAMPLE, "timestamp": time.time()}
            assert (await pod.ingest(sample)).json["accepted"] == 1

            server.stop()
            refused = await pod.ingest({**SAMPLE, "timestamp": time.time()})
            assert refused.status == 503
            assert refused.headers["Retry-After"].isdigit()
            await until_ready(pod, False)
            stats = (await pod.ask("/api/v1/stats")).json
            assert stats["samples"] is None
            assert stats["redis"]["up"] is False  # type: ignore[index]
            assert stats["redis"]["error"]  # type: ignore[index]
            assert (await pod.admin("/livez")).status == 200
            assert "anomaly_pipeline_redis_up 0.0" in (await pod.admin("/metrics")).text

            server.start()
            await until_ready(pod, True)
            again = await pod.ingest(sample)
            assert again.json["duplicate"] == 1, again.text
            assert (await pod.ingest({**SAMPLE, "timestamp": time.time()})).json["accepted"] == 1
