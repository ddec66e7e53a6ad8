"""Every test here runs twice: over the aiohttp routes and over the front."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager

import pytest

from anomaly_dataplane.contract.config import parse
from anomaly_dataplane.store import Store
from running_pod import RunningPod, running_pod
from samples import ZSCORE

BASE_PATH = "/team/boiler"

RunPod = Callable[..., AbstractAsyncContextManager[RunningPod]]
"""`running_pod` with small limits, behind the server that the test is about."""


def run_pod(fast_path: bool) -> RunPod:
    def run(
        store: Store | None = None, ingest: Mapping[str, object] | None = None, **environ: str
    ) -> AbstractAsyncContextManager[RunningPod]:
        limits = {"maxBodyBytes": 100_000, "fastPath": fast_path, **(ingest or {})}
        config = parse(
            {
                "basePath": BASE_PATH,
                "ingest": limits,
                "buffer": {"maxSamples": 200, "maxBytes": 150_000},
                "detection": ZSCORE,
            }
        )
        return running_pod(config, store, **environ)

    return run


@pytest.fixture(params=[False, True], ids=["routes", "front"])
def a_pod(request: pytest.FixtureRequest) -> RunPod:
    return run_pod(request.param)


@pytest.fixture
async def pod(a_pod: RunPod) -> AsyncIterator[RunningPod]:
    async with a_pod() as running:
        yield running
