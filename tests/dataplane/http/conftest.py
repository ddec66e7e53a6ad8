"""Every test here runs twice: over the aiohttp routes and over the front."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from http_pods import RunPod, run_pod
from running_pod import RunningPod

EITHER = pytest.fixture(params=[False, True], ids=["routes", "front"])


@EITHER
def a_pod(request: pytest.FixtureRequest) -> RunPod:
    return run_pod(fast_path=request.param)


@EITHER
def a_guarded_pod(request: pytest.FixtureRequest) -> RunPod:
    return run_pod(fast_path=request.param, guarded=True)


@pytest.fixture
async def pod(a_pod: RunPod) -> AsyncIterator[RunningPod]:
    async with a_pod() as running:
        yield running
