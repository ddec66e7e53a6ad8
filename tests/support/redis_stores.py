"""Stores on the real Redis setups of the tests, each for a pipeline of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_dataplane.observer import Observer, Unobserved
from anomaly_dataplane.store import Store
from anomaly_dataplane.store.connect import connect
from certificates import Authority
from redis_server import RedisServer, redis_server
from redis_topologies import MASTER, Watched
from samples import a_config

ACL_RULES = (
    "+fcall +function|load +mget +hgetall +hlen +xrevrange "
    "+getrange +set +setrange +pexpire +hset +hincrby +xadd"
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
async def opened(config: PipelineConfig, observer: Observer | None = None) -> AsyncIterator[Store]:
    """The same, closed whatever happens: uvloop does not end with a connection open."""
    store = a_store(config, observer)
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

    def store(self, observer: Observer | None = None, secret: Path | None = None) -> Store:
        """A store that has nothing but a mounted Secret."""
        return connect(
            config_for(self.server, tls={"enabled": True}),
            observer or Unobserved(),
            username=None,
            password=None,
            secret_dir=secret or self.secret,
        )


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
