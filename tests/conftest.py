"""What many folders share: real Redis servers, and no property that fails by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from redis_server import RedisServer, redis_cluster, redis_server

# A slow or busy machine must not fail a property.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")


@pytest.fixture(scope="session")
def standalone() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def cluster() -> Iterator[list[RedisServer]]:
    with redis_cluster() as servers:
        yield servers


@pytest.fixture
def clock_ms() -> Callable[[], int]:
    """The wall clock, which real Redis stamps its streams with."""
    return lambda: int(time.time() * 1000)
