"""Which store the local pipeline keeps its state in: a given Redis, a private one, or its process.

`choose` decides, `local` starts what was chosen.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from anomaly_dataplane.contract import runtime
from anomaly_dataplane.contract.config import HOST_PORT_PATTERN
from demo.errors import DemoError
from demo.processes import free_port, last_words, running

PROGRAMS = ("redis-server", "valkey-server")
OLDEST = 7
"""Major version: Redis Functions, which the commit is made of, came with it."""

_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Given:
    """A Redis that is there already."""

    address: str
    why: str


@dataclass(frozen=True, slots=True)
class Private:
    """A redis-server to start, and to stop at the end."""

    program: str
    why: str


@dataclass(frozen=True, slots=True)
class InProcess:
    """No Redis: the data plane's own memory."""

    why: str


Choice = Given | Private | InProcess


def choose(
    address: str,
    version_at: Callable[[str], str],
    version_of: Callable[[str], str | None],
) -> Choice:
    """Choose a store.

    Args:
        address: the host:port of REDIS_URL, empty if there is none.
        version_at: asks a server for its version.
        version_of: the version of an installed program, None if it is not installed.

    Raises:
        DemoError: if the Redis that was asked for cannot be used.
    """
    if address:
        address = address.removeprefix("redis://").rstrip("/")
        if not re.fullmatch(HOST_PORT_PATTERN, address):
            raise DemoError(f"REDIS_URL must be host:port, not {address!r}")
        version = version_at(address)
        if _major(version) < OLDEST:
            raise DemoError(f"the Redis at {address} is {version}; {OLDEST} or newer is needed")
        return Given(address, f"Redis {version} at {address}, because REDIS_URL names it")
    too_old = []
    for program in PROGRAMS:
        version_found = version_of(program)
        if version_found is None:
            continue
        if _major(version_found) >= OLDEST:
            return Private(program, f"a private {program} {version_found}, which was found here")
        too_old.append(f"{program} {version_found} is older than {OLDEST}")
    reason = "; ".join(too_old) or f"no {' or '.join(PROGRAMS)} was found here"
    return InProcess(f"the data plane's own memory, because {reason} and REDIS_URL is not set")


def server_version(address: str) -> str:
    """The version of a running server.

    Raises:
        DemoError: if it does not answer.
    """
    try:
        with _client(address) as client:
            return str(client.info("server")["redis_version"])
    except redis.RedisError as error:
        raise DemoError(f"the Redis at {address} (REDIS_URL) does not answer: {error}") from None


def program_version(program: str) -> str | None:
    """The version of an installed program."""
    path = shutil.which(program)
    if path is None:
        return None
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"v=([0-9][0-9.]*)", done.stdout)
    return found[1] if found else None


@contextmanager
def private_server(program: str, folder: Path) -> Iterator[str]:
    """Run a Redis of our own that writes nothing but its log; yields its host:port."""
    port, log = free_port(), folder / "redis.log"
    argv = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    with running([*argv, "--save", "", "--appendonly", "no"], log=log) as process:
        give_up = time.monotonic() + _START_SECONDS
        with redis.Redis(port=port, socket_timeout=1) as client:
            while not _answers(client):
                if process.poll() is not None or time.monotonic() > give_up:
                    raise DemoError(f"{program} did not start: {last_words(log)}")
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"


def forget(address: str, uid: str) -> None:
    """Remove the keys of a pipeline from a Redis that outlives the demo."""
    with _client(address) as client:
        for key in client.scan_iter(match=f"{{{uid}:*", count=1000):
            client.unlink(key)


def _client(address: str) -> redis.Redis:
    """A client with the credentials that the data plane reads too."""
    host, _, port = address.rpartition(":")
    return redis.Redis(
        host=host,
        port=int(port),
        username=os.environ.get(runtime.ENV_REDIS_USERNAME),
        password=os.environ.get(runtime.ENV_REDIS_PASSWORD),
        socket_timeout=3,
    )


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _major(version: str) -> int:
    head = version.partition(".")[0]
    return int(head) if head.isdigit() else 0
