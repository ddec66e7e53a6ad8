"""Stores on the real Redis setups of the tests, each for a pipeline of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import redis

from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_dataplane.observer import Observer, Unobserved
from anomaly_dataplane.store import Store
from anomaly_dataplane.store.connect import connect
from certificates import Authority
from redis_server import RedisServer, redis_server
from redis_topologies import MASTER, Redises, Watched
from samples import a_config

ACL_RULES = (
    "+fcall +function|load +mget +hgetall +hlen +xrevrange "
    "+hget +hscan +hsetnx +xrange "
    "+get +getrange +set +setrange +pexpire +del +hset +hdel +hincrby +xadd +xlen +xtrim +xdel "
    "+xgroup|create +xgroup|delconsumer +xreadgroup +xautoclaim +xack "
    "+xinfo|consumers +xinfo|groups +xinfo|stream"
)
"""What docs/redis.md says that the pods' user needs on any Redis."""


class Failures(Unobserved):
    """Remembers the kinds of failed requests."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def store_failed(self, kind: str) -> None:
        self.kinds.append(kind)


def config_for(*servers: RedisServer, mode: str = "Standalone", **redis: object) -> PipelineConfig:
    """A pipeline with a uid of its own on these servers."""
    urls = [server.url for server in servers]
    return a_config(pipeline={"uid": uuid4().hex}, redis={"mode": mode, "urls": urls, **redis})


def a_store(config: PipelineConfig, observer: Observer | None = None) -> Store:
    """A store without credentials."""
    return connect(config, observer or Unobserved(), username=None, password=None)


@asynccontextmanager
async def opened(
    config: PipelineConfig, observer: Observer | None = None, secret_dir: Path | None = None
) -> AsyncIterator[Store]:
    """A store with what a mounted Secret holds, closed whatever happens.

    uvloop does not end while a connection is open.
    """
    store = connect(
        config, observer or Unobserved(), username=None, password=None, secret_dir=secret_dir
    )
    try:
        yield store
    finally:
        await store.aclose()


def on_sentinels(watched: Watched, **redis: object) -> PipelineConfig:
    """A pipeline on the primary that these Sentinels watch."""
    return config_for(*watched.sentinels, mode="Sentinel", sentinelMaster=MASTER, **redis)


@dataclass(frozen=True, slots=True)
class SecuredRedis:
    """A Redis over TLS, and the Secret of a user who may do no more than a pod must.

    Attributes:
        secret: ca.crt, tls.crt, tls.key, username and password.
    """

    server: RedisServer
    authority: Authority
    secret: Path

    def config(self) -> PipelineConfig:
        """A pipeline on it."""
        return config_for(self.server, tls={"enabled": True})

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        """An administrator's."""
        with Redises([self.server]).client(self.server) as client:
            yield client

    def allow(self, *rules: str) -> None:
        """Change the pod's user."""
        with self.client() as admin:
            set_user(admin, "pod", *rules)


def set_user(admin: redis.Redis, name: str, *rules: str) -> None:
    """ACL SETUSER. The client's own method would reset what is not named."""
    admin.execute_command("ACL", "SETUSER", name, *rules)  # type: ignore[no-untyped-call]


@contextmanager
def secured_redis(authority: Authority, folder: Path, *options: str) -> Iterator[SecuredRedis]:
    """Start one that trusts clients of the same CA only."""
    secret = authority.secret(folder / "secret")
    (secret / "username").write_text("pod")
    (secret / "password").write_text("pod-password\n")
    acl = folder / "users.acl"
    acl.write_text(
        f"user default on nopass ~* &* +@all\nuser pod on >pod-password ~{{* -@all {ACL_RULES}\n"
    )
    with redis_server("--aclfile", str(acl), *options, tls=secret) as server:
        yield SecuredRedis(server, authority, secret)
