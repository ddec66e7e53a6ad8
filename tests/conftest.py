"""Fixtures that many folders share: real Redis servers, one a session."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from redis_server import RedisServer, redis_cluster, redis_server


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
