"""From the config's `redis` group and the credentials to a store. Used by `app.py`."""

from __future__ import annotations

from functools import partial

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from anomaly_dataplane.contract.config import PipelineConfig, RedisMode
from anomaly_dataplane.observer import Observer
from anomaly_dataplane.store import Store
from anomaly_dataplane.store.keys import Keys
from anomaly_dataplane.store.link import Link
from anomaly_dataplane.store.redis_store import RedisStore

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
"""A commit blocks Redis for milliseconds; a slow disk's fsync for up to a second."""


def connect(
    config: PipelineConfig, observer: Observer, *, username: str | None, password: str | None
) -> Store:
    """A store for this pipeline. Connects at its first call, not before.

    Args:
        config: whose `redis.urls` must name at least one server.
        observer: is told of failed calls.
        username: of a Redis ACL user; None for the default user.
        password: None for a server that asks for none.
    """
    redis = config.redis
    keys = Keys(config.pipeline.uid, redis.partitions)
    addresses = [_address(url) for url in redis.urls]
    client: Redis | RedisCluster
    if redis.mode is RedisMode.CLUSTER:
        client = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in addresses],
            username=username,
            password=password,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
        )
    else:
        host, port = addresses[0]
        client = Redis(
            host=host,
            port=port,
            username=username,
            password=password,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            # Once, at once, for a connection that the server closed; more is the commit's decision.
            retry=Retry(NoBackoff(), 1),
        )
    link = partial(
        Link,
        username=username,
        password=password,
        connect_seconds=CONNECT_SECONDS,
        answer_seconds=ANSWER_SECONDS,
    )
    return RedisStore(client, addresses[0], link, keys, redis.partitions, observer)


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.rpartition(":")
    return host, int(port)
