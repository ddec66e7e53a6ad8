"""From the config's `redis` group and the credentials to a store, or to what empties it.

Used by `app.py` and `purge/`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from anomaly_dataplane.contract.config import PipelineConfig, RedisMode
from anomaly_dataplane.observer import Observer
from anomaly_dataplane.store import Store
from anomaly_dataplane.store.access import Access
from anomaly_dataplane.store.keys import Keys
from anomaly_dataplane.store.link import Address, Link
from anomaly_dataplane.store.purge import Purge
from anomaly_dataplane.store.redis_store import RedisStore
from anomaly_dataplane.store.servers import Cluster, OneServer, Sentinels, Servers

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
"""A commit blocks Redis for milliseconds; a slow disk's fsync for up to a second."""


def connect(
    config: PipelineConfig,
    observer: Observer,
    *,
    username: str | None,
    password: str | None,
    secret_dir: Path | None = None,
) -> Store:
    """A store for this pipeline. Connects at its first call, not before.

    Args:
        config: whose `redis.urls` must name at least one server.
        observer: is told of failed requests.
        username: of a Redis ACL user; None for the default user.
        password: None for a server that asks for none.
        secret_dir: a mounted Secret; what it holds wins over the two (`access.Access`).
    """
    redis = config.redis
    access = Access(username, password, tls=redis.tls.enabled, folder=secret_dir)
    keys = Keys(config.pipeline.uid, redis.partitions)
    servers = _servers(config, access, keys)
    return RedisStore(
        servers,
        _link(access),
        keys,
        redis.partitions,
        observer,
        replicas=redis.min_replicas_to_write,
    )


def purge(
    config: PipelineConfig,
    *,
    username: str | None,
    password: str | None,
    secret_dir: Path | None,
    seconds: float,
    clock: Callable[[], float],
) -> Purge:
    """What removes the pipeline's keys; the arguments are those of `connect` and of `Purge`."""
    access = Access(username, password, tls=config.redis.tls.enabled, folder=secret_dir)
    uid = config.pipeline.uid
    servers = _servers(config, access, Keys(uid, config.redis.partitions))
    return Purge(servers, _link(access), uid, seconds=seconds, clock=clock)


def _link(access: Access) -> Callable[[str, int], Link]:
    return partial(
        Link,
        login=access.login,
        connect_seconds=CONNECT_SECONDS,
        answer_seconds=ANSWER_SECONDS,
    )


def _servers(config: PipelineConfig, access: Access, keys: Keys) -> Servers:
    redis = config.redis
    addresses = [_address(url) for url in redis.urls]
    if redis.mode not in (RedisMode.SENTINEL, RedisMode.CLUSTER):
        return OneServer(addresses[0], redis.partitions)
    # Here, since redis-py takes 7 MiB: see redis_errors.py.
    from anomaly_dataplane.store.questions import Client, key_slot

    servers = Client(access.login, CONNECT_SECONDS, ANSWER_SECONDS)
    if redis.mode is RedisMode.SENTINEL:
        sentinels = Client(access.sentinel_login, CONNECT_SECONDS, ANSWER_SECONDS)
        return Sentinels(addresses, redis.sentinel_master, redis.partitions, sentinels, servers)
    slots = [key_slot(keys.totals(p)) for p in range(redis.partitions)]
    return Cluster(addresses, slots, servers)


def _address(url: str) -> Address:
    host, _, port = url.rpartition(":")
    return host, int(port)
