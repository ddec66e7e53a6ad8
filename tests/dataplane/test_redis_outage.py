"""A whole pod on a real Redis that goes away and comes back."""

from __future__ import annotations

import asyncio
import time

import pytest

from anomaly_dataplane.contract.config import parse
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.store.connect import connect
from polling import PATIENCE
from redis_server import redis_server
from running_pod import RunningPod, running_pod

SAMPLE = {"metric": "m", "value": 1}


async def until_store(pod: RunningPod, up: bool) -> int:
    """Wait until the pod has noticed, which asks once a second; returns what /readyz answers."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await pod.admin("/readyz")
            checks = answer.json["checks"]
            assert isinstance(checks, dict)
            if (checks["store"] == "ok") is up:
                return answer.status
            await asyncio.sleep(0.05)


@pytest.mark.redis
async def test_an_outage_is_told_everywhere_and_heals_by_itself() -> None:
    """503 to senders, the reason in probes and stats; alive, and ready to say so, all along."""
    with redis_server() as server:
        config = parse({"redis": {"urls": [server.url]}, "pipeline": {"uid": "outage"}})
        store = connect(config, Unobserved(), username=None, password=None)
        async with running_pod(config, store) as pod:
            assert await until_store(pod, True) == 200
            sample = {**SAMPLE, "timestamp": time.time()}
            assert (await pod.ingest(sample)).json["accepted"] == 1

            server.stop()
            refused = await pod.ingest({**SAMPLE, "timestamp": time.time()})
            assert refused.status == 503
            assert refused.headers["Retry-After"].isdigit()
            assert await until_store(pod, False) == 200
            stats = (await pod.ask("/api/v1/stats")).json
            assert stats["samples"] is None
            assert stats["redis"]["up"] is False  # type: ignore[index]
            assert stats["redis"]["error"]  # type: ignore[index]
            assert (await pod.admin("/livez")).status == 200
            assert "anomaly_pipeline_redis_up 0.0" in (await pod.admin("/metrics")).text

            server.start()
            await until_store(pod, True)
            again = await pod.ingest(sample)
            assert again.json["duplicate"] == 1, again.text
            assert (await pod.ingest({**SAMPLE, "timestamp": time.time()})).json["accepted"] == 1
