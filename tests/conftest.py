"""What many folders share: real Redis, and properties that fail by neither clock nor luck."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from certificates import authority
from redis_server import RedisServer, redis_server
from redis_stores import SecuredRedis, secured_redis
from redis_topologies import Redises, Watched, redis_cluster, redis_sentinels

# A property fails neither by a slow or busy machine nor by the luck of a run: new examples are
# looked for by `make properties`, as new inputs are by `make fuzz`.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same every time", _PATIENT, derandomize=True)
settings.register_profile("search", _PATIENT, max_examples=2000)
settings.load_profile("same every time")


@pytest.fixture(scope="session")
def standalone() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredRedis]:
    """TLS with client certificates, and a user with the least rights."""
    with secured_redis(authority("the tests' CA"), tmp_path_factory.mktemp("secured")) as redis:
        yield redis


@pytest.fixture(scope="session")
def replicated() -> Iterator[Redises]:
    """A Cluster of three primaries and three replicas. Who breaks it mends it."""
    with redis_cluster(3, 1) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def cluster(replicated: Redises) -> list[RedisServer]:
    return replicated.servers


@pytest.fixture(scope="session")
def sentinels() -> Iterator[Watched]:
    """A primary with two replicas and three Sentinels. Who breaks it mends it."""
    with redis_sentinels() as watched:
        yield watched


@pytest.fixture
def clock_ms() -> Callable[[], int]:
    """The wall clock, which real Redis stamps its streams with."""
    return lambda: int(time.time() * 1000)
