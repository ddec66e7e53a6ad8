"""`anomaly-dataplane purge` on real Redis: one server, Sentinel, a Cluster."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from anomaly_dataplane.__main__ import main
from anomaly_dataplane.store.keys import Keys
from redis_server import RedisServer, free_port, redis_server
from redis_stores import set_user
from redis_topologies import MASTER, Redises, redis_cluster, redis_sentinels

SERIES = 3000
"""More than one SCAN looks at, and more than one UNLINK takes."""


@contextmanager
def clients(found: Redises) -> Iterator[list[redis.Redis]]:
    with ExitStack() as stack:
        yield [stack.enter_context(found.client(server)) for server in found.servers]


def fill(client: redis.Redis | redis.RedisCluster, uid: str, series: int = SERIES) -> int:
    """What a pipeline leaves: a key of each kind in each partition; returns their number."""
    keys = Keys(uid, 4)
    for partition in range(4):
        client.xadd(keys.outbox(partition), {"anomaly": "{}"})
        client.xgroup_create(keys.outbox(partition), "alerting", "0")
        client.hset(keys.names(partition), "id", "{}")
        client.hset(keys.totals(partition), "samples", 1)
        client.hset(keys.alerts(partition), "key", "{}")
        client.set(keys.lease(partition), "pod")
        client.set(keys.receipt(partition, "key"), "1")
        client.xadd(keys.queue(partition, "on-call"), {"notice": "{}"})
        client.xadd(keys.dead_letters(partition), {"letter": "{}"})
        client.hset(keys.feedback(partition), "id", "{}")
    for number in range(series):
        client.set(keys.states(number % 4) + b"%016d" % number, b"block")
    return 4 * 9 + series


def left(found: list[redis.Redis], uid: str) -> int:
    return sum(
        1
        for client in found
        if client.info("replication")["role"] == "master"
        for _ in client.scan_iter(match=f"{{{uid}:*", count=5000)
    )


def config(folder: Path, uid: str, mode: str, *urls: str, **group: object) -> str:
    path = folder / f"{uid}.json"
    document = {"version": 1, "pipeline": {"uid": uid}}
    path.write_text(json.dumps({**document, "redis": {"mode": mode, "urls": urls, **group}}))
    return str(path)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as started:
        yield started


def test_all_keys_of_the_pipeline_go_and_those_of_a_neighbour_stay(
    server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run counts and leaves them; a second purge finds nothing and is content."""
    uid, neighbour = uuid4().hex, uuid4().hex
    with clients(Redises([server])) as found:
        total = fill(found[0], uid)
        others = fill(found[0], neighbour, 50)
        found[0].set("unrelated", "1")
        path = config(tmp_path, uid, "Standalone", server.url)

        assert main(["purge", "--config", path, "--dry-run"]) == 0
        told = capsys.readouterr().out
        assert f"{total} keys of pipeline {uid} would be removed from {server.url}" in told
        assert f"{SERIES:>9} series\n" in told
        assert left(found, uid) == total

        assert main(["purge", "--config", path]) == 0
        assert f"{total} keys of pipeline {uid} removed" in capsys.readouterr().out
        assert left(found, uid) == 0
        assert left(found, neighbour) == others
        assert found[0].get("unrelated") == b"1"

        assert main(["purge", "--config", path]) == 0
        assert f"0 keys of pipeline {uid} removed" in capsys.readouterr().out


def test_a_uid_that_looks_like_a_pattern_removes_only_its_own(
    server: RedisServer, tmp_path: Path
) -> None:
    """Of a hand-written document; that of the operator has a UUID."""
    with clients(Redises([server])) as found:
        found[0].set("{abc:0}:totals", "1")
        bad = tmp_path / "bad.json"
        bad.write_text(
            json.dumps(
                {
                    "version": 1,
                    "pipeline": {"uid": "a*"},
                    "redis": {"mode": "Standalone", "urls": [server.url]},
                }
            )
        )

        main(["purge", "--config", str(bad)])

        assert found[0].get("{abc:0}:totals") == b"1"


def test_a_cluster_is_purged_on_every_primary(tmp_path: Path) -> None:
    """Each partition's keys are in a slot of their own."""
    uid, neighbour = uuid4().hex, uuid4().hex
    with redis_cluster() as cluster, clients(cluster) as found:
        with redis.RedisCluster("127.0.0.1", cluster.servers[0].port) as everywhere:
            fill(everywhere, uid, 400)
            others = fill(everywhere, neighbour, 20)

        assert main(["purge", "--config", config(tmp_path, uid, "Cluster", cluster.urls[0])]) == 0

        assert left(found, uid) == 0
        assert left(found, neighbour) == others


def test_sentinels_are_asked_where_the_primary_is(tmp_path: Path) -> None:
    """As pods do."""
    uid = uuid4().hex
    with redis_sentinels() as watched:
        urls = [server.url for server in watched.sentinels]
        path = config(tmp_path, uid, "Sentinel", *urls, sentinelMaster=MASTER)
        with clients(watched) as found:
            primary = next(c for c in found if c.info("replication")["role"] == "master")
            fill(primary, uid, 50)

            assert main(["purge", "--config", path]) == 0

            assert left(found, uid) == 0


def test_a_redis_that_comes_back_is_waited_for(tmp_path: Path) -> None:
    """A restart in the middle is no failure."""
    server = RedisServer(free_port(), tmp_path, ())
    uid = uuid4().hex
    path = config(tmp_path, uid, "Standalone", f"127.0.0.1:{server.port}")
    codes: list[int] = []
    command = ["purge", "--config", path, "--patience", "150"]
    thread = threading.Thread(target=lambda: codes.append(main(command)))
    thread.start()
    time.sleep(1)  # it has been refused by now, or will be asked anew: both are fine
    server.start()
    try:
        thread.join(150)
        assert codes == [0]
    finally:
        server.stop()


def test_a_redis_that_stays_away_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With an exit code, and the reason on the last line."""
    path = config(tmp_path, uuid4().hex, "Standalone", f"127.0.0.1:{free_port()}")

    assert main(["purge", "--config", path, "--patience", "0"]) == 1

    assert "error: Redis: " in capsys.readouterr().err.splitlines()[-1]


def test_a_user_without_the_rights_is_told_which(
    server: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At once, however long the patience."""
    with clients(Redises([server])) as found:
        set_user(found[0], "pod", "on", ">secret", "~*", "+get")
    monkeypatch.setenv("REDIS_USERNAME", "pod")
    monkeypatch.setenv("REDIS_PASSWORD", "secret")
    path = config(tmp_path, uuid4().hex, "Standalone", server.url)

    assert main(["purge", "--config", path]) == 1

    assert "'scan'" in capsys.readouterr().err


def test_the_document_may_come_by_the_environment(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the operator's Job has it, whose ConfigMap may be gone."""
    uid = uuid4().hex
    text = Path(config(tmp_path, uid, "Standalone", server.url)).read_text()
    monkeypatch.setenv("ANOMALY_CONFIG_DOCUMENT", text)
    with clients(Redises([server])) as found:
        fill(found[0], uid, 10)

        assert main(["purge"]) == 0

        assert left(found, uid) == 0


def test_a_document_without_a_server_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named like any other field."""
    assert main(["purge", "--config", config(tmp_path, "u", "Standalone")]) == 2
    assert "redis.urls" in capsys.readouterr().err
