"""Real Redis Clusters and Sentinel setups for tests, all processes on free loopback ports."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from polling import eventually
from redis_server import RedisServer, executable, free_port

NODE_TIMEOUT_MS = "1500"
"""After which a Cluster's node counts as gone; small, so that tests need not wait for 15 s."""

DOWN_AFTER_MS = 1000
"""The same for Sentinel."""

MASTER = "mymaster"


@dataclass
class Redises:
    """Servers that belong together."""

    servers: list[RedisServer]
    password: str = ""

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    def at(self, port: int) -> RedisServer:
        return next(server for server in self.servers if server.port == port)

    @contextmanager
    def client(self, server: RedisServer) -> Iterator[redis.Redis]:
        """A client for the test's own questions."""
        options: dict[str, Any] = {}
        if server.tls is not None:
            options = {"ssl": True, "ssl_ca_certs": str(server.tls / "ca.crt")}
            options |= {"ssl_certfile": str(server.tls / "tls.crt")}
            options |= {"ssl_keyfile": str(server.tls / "tls.key")}
        password = self.password or None
        with redis.Redis("127.0.0.1", server.port, password=password, **options) as client:
            yield client

    def mend(self) -> None:
        """Start what a test has stopped, and wait until all follow again."""
        for server in self.servers:
            if server.process is None:
                server.start()
        eventually("all replicas follow", self.follow, pause=0.05)

    def follow(self) -> bool:
        """Whether every replica is linked to its primary."""
        for server in self.servers:
            with self.client(server) as client:
                info = client.info("replication")
                if info["role"] == "slave" and info["master_link_status"] != "up":
                    return False
        return True

    def roles(self) -> dict[int, str]:
        """What each running server says that it is, by port."""
        found = {}
        for server in self.servers:
            if server.process is not None:
                with self.client(server) as client:
                    found[server.port] = str(client.info("replication")["role"])
        return found


@contextmanager
def _started(
    count: int, *options: str, tls: Path | None = None, password: str = ""
) -> Iterator[Redises]:
    login = ("--requirepass", password, "--masterauth", password) if password else ()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        servers = []
        for i in range(count):
            home = Path(folder) / str(i)
            home.mkdir()
            server = RedisServer(free_port(), home, (*options, *login), tls=tls)
            server.start()
            stack.callback(server.stop)
            servers.append(server)
        yield Redises(servers, password)


@contextmanager
def redis_cluster(
    primaries: int = 3, replicas: int = 0, *, tls: Path | None = None, password: str = ""
) -> Iterator[Redises]:
    """A Redis Cluster of so many primaries, each with so many replicas, all slots served."""
    options = ["--cluster-enabled", "yes", "--cluster-node-timeout", NODE_TIMEOUT_MS]
    if tls is not None:
        options += ["--tls-cluster", "yes"]
    # A replica that fell behind by a slow machine takes over all the same.
    options += ["--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"]
    with _started(primaries * (1 + replicas), *options, tls=tls, password=password) as cluster:
        command = [executable("redis-cli", "valkey-cli"), "--cluster", "create", *cluster.urls]
        command += ["--cluster-yes", "--cluster-replicas", str(replicas)]
        if tls is not None:
            command += ["--tls", "--cacert", str(tls / "ca.crt")]
            command += ["--cert", str(tls / "tls.crt"), "--key", str(tls / "tls.key")]
        environ = {"REDISCLI_AUTH": password} if password else {}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environ)
        eventually("the Cluster is whole", lambda: _whole(cluster), pause=0.05)
        if replicas:
            eventually("its replicas follow", cluster.follow, pause=0.05)
        yield cluster


def primary_of(cluster: Redises, key: bytes) -> RedisServer:
    """The primary that serves a key."""
    running = next(server for server in cluster.servers if server.process is not None)
    with redis.RedisCluster("127.0.0.1", running.port) as client:
        node = client.get_node_from_key(key.decode())
    assert node is not None
    return cluster.at(int(node.port))


def _whole(cluster: Redises) -> bool:
    for server in cluster.servers:
        with cluster.client(server) as client:
            info = client.execute_command("CLUSTER INFO")  # type: ignore[no-untyped-call]
            known = int(info["cluster_known_nodes"]) == len(cluster.servers)
            if info["cluster_state"] != "ok" or not known:
                return False
    return True


@dataclass
class Watched(Redises):
    """A primary, its replicas and the Sentinels that watch them."""

    sentinels: list[RedisServer] = field(default_factory=list)
    sentinel_password: str = ""

    def primary(self) -> RedisServer:
        """The one that a majority of the Sentinels names."""
        asked = [self._named(sentinel) for sentinel in self.sentinels]
        port = max(set(asked), key=asked.count)
        assert asked.count(port) > len(asked) // 2
        return self.at(port)

    def _named(self, sentinel: RedisServer) -> int:
        with Redises([sentinel], self.sentinel_password).client(sentinel) as client:
            state = client.sentinel_master(MASTER)
        assert isinstance(state, dict)
        return int(state["port"])

    def mend(self) -> None:
        """The same; whoever comes back is made a replica, as Sentinels do after ten seconds."""
        primary = self.primary()
        for server in self.servers:
            if server.process is None:
                server.start()
                with self.client(server) as client:
                    client.replicaof("127.0.0.1", primary.port)
        eventually("all Sentinels agree", self._agree, pause=0.05)
        super().mend()

    def _agree(self) -> bool:
        primaries = {port for port, role in self.roles().items() if role == "master"}
        return {self._named(sentinel) for sentinel in self.sentinels} == primaries


class SentinelServer(RedisServer):
    """One Sentinel, which keeps what it learns in its config file."""

    def _command(self) -> list[str]:
        config = str(self.folder / "sentinel.conf")
        return [executable("redis-server", "valkey-server"), config, "--sentinel"]


@contextmanager
def redis_sentinels(
    replicas: int = 2,
    sentinels: int = 3,
    *,
    password: str = "",
    sentinel_password: str = "",
    tls: Path | None = None,
) -> Iterator[Watched]:
    """A primary with replicas, watched by Sentinels that agree by majority."""
    options = ("--repl-diskless-sync-delay", "0")
    with (
        _started(1 + replicas, *options, tls=tls, password=password) as redises,
        tempfile.TemporaryDirectory() as folder,
        contextlib.ExitStack() as stack,
    ):
        watched = Watched(redises.servers, password, [], sentinel_password)
        first, *others = watched.servers
        for other in others:
            with watched.client(other) as client:
                client.replicaof("127.0.0.1", first.port)
        eventually("the replicas follow", watched.follow, pause=0.05)
        for i in range(sentinels):
            home = Path(folder) / str(i)
            home.mkdir()
            sentinel = SentinelServer(free_port(), home, (), tls=tls)
            (home / "sentinel.conf").write_text(
                _sentinel_config(sentinel, first, sentinels // 2 + 1, password, sentinel_password)
            )
            sentinel.start()
            stack.callback(sentinel.stop)
            watched.sentinels.append(sentinel)
        asked = Redises(watched.sentinels, sentinel_password)
        eventually(
            "the Sentinels know all",
            lambda: all(_knows(asked, s, replicas, sentinels) for s in asked.servers),
            pause=0.05,
        )
        yield watched


def _sentinel_config(
    sentinel: RedisServer, first: RedisServer, quorum: int, password: str, own_password: str
) -> str:
    options = sentinel.port_options()
    lines = [
        "bind 127.0.0.1",
        f"dir {sentinel.folder}",
        'logfile "redis.log"',
        *(f"{key[2:]} {value}" for key, value in zip(options[::2], options[1::2], strict=True)),
        f"sentinel monitor {MASTER} 127.0.0.1 {first.port} {quorum}",
        f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}",
        f"sentinel failover-timeout {MASTER} 5000",
        f"sentinel parallel-syncs {MASTER} 2",
    ]
    if password:
        lines.append(f'sentinel auth-pass {MASTER} "{password}"')
    if own_password:
        lines.append(f'requirepass "{own_password}"')
    return "\n".join(lines) + "\n"


def _knows(sentinels: Redises, sentinel: RedisServer, replicas: int, count: int) -> bool:
    with sentinels.client(sentinel) as client:
        state = client.sentinel_master(MASTER)
    assert isinstance(state, dict)
    return (state["num-slaves"], state["num-other-sentinels"]) == (replicas, count - 1)
