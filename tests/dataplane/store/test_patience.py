"""What is done about each error, for how long, and what is never done: a blind second commit."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.observer import Observer, Unobserved
from anomaly_dataplane.store import ABSENT, SeriesWrite, Writes
from anomaly_dataplane.store import redis_errors as exceptions
from anomaly_dataplane.store.access import BadSecret
from anomaly_dataplane.store.keys import Keys
from anomaly_dataplane.store.link import Link, Unsent
from anomaly_dataplane.store.redis_store import RedisStore
from fake_links import FakeLink, FakeServer, FakeServers, reply
from redis_stores import Failures
from samples import a_series

SERIES = a_series()
PARTITION = SERIES.partition
WRITE = SeriesWrite(SERIES, ABSENT, [(0, bytes(16))], whole=True)
PATIENCE_SECONDS = 60.0
"""Never over on a busy machine, either."""
LITTLE_SECONDS = 0.5
"""Of tests that wait until it is over."""
LOST = exceptions.ConnectionError("the connection was lost: closed by the server")
LATE = exceptions.TimeoutError("no answer within 2 s")
REFUSED = Unsent("ConnectionRefusedError")
PASSING = (
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "CLUSTERDOWN The cluster is down",
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down",
    "NOREPLICAS Not enough good replicas to write.",
    "BUSY Redis is busy running a script.",
    "ERR max number of clients reached",
)
LASTING = {
    "NOAUTH Authentication required.": "auth",
    "WRONGPASS invalid username-password pair or user is disabled.": "auth",
    "DENIED Redis is running in protected mode": "auth",
    "NOPERM User pod has no permissions to run the 'fcall' command": "permission",
    "ERR The user executing the script can't run this command or subcommand": "permission",
    "OOM command not allowed when used memory > 'maxmemory'.": "out_of_memory",
    "MISCONF Errors writing to the AOF file: No space left on device": "disk",
    "ERR unknown command 'FCALL', with args beginning with:": "version",
    "ERR something new": "other",
}


def a_store(
    servers: FakeServers,
    *known: FakeServer,
    observer: Observer | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> RedisStore:
    by_address = {server.address: server for server in known}

    def link(host: str, port: int) -> Link:
        return cast(Link, FakeLink(by_address[host, port]))

    return RedisStore(
        servers,
        link,
        Keys("uid", 4),
        4,
        observer or Unobserved(),
        patience_seconds=patience_seconds,
    )


async def commit(store: RedisStore) -> list[int]:
    return await store.commit(PARTITION, Writes.of([WRITE]), 0)


@pytest.mark.parametrize("text", PASSING)
async def test_what_passes_is_tried_again_where_the_primary_is_by_then(text: str) -> None:
    """The answer says that nothing was done, so a commit may be repeated."""
    old, new = FakeServer(1, reply(text)), FakeServer(2)
    servers = FakeServers(old, new)
    failures = Failures()

    assert await commit(a_store(servers, old, new, observer=failures)) == []

    assert (len(old.requests), len(new.requests), servers.located) == (1, 1, 2)
    assert old.requests == new.requests
    assert len(failures.kinds) == 1
    assert failures.kinds != ["other"]


@pytest.mark.parametrize(("text", "kind"), LASTING.items())
async def test_what_lasts_is_told_at_once(text: str, kind: str) -> None:
    """No pause, no second try; the reason is named."""
    server = FakeServer(1, then=reply(text))

    with pytest.raises(StoreUnavailable, match=f"^Redis: {kind}: fake:1: "):
        await commit(a_store(FakeServers(server), server))

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "error", [exceptions.AuthenticationError("WRONGPASS"), BadSecret("no key"), Unsent("[SSL: X]")]
)
async def test_a_login_that_failed_is_not_tried_again_and_again(error: Exception) -> None:
    """A server may count, and lock a user out. The next request looks for the primary anew."""
    server = FakeServer(1, error)
    servers = FakeServers(server)
    store = a_store(servers, server)

    with pytest.raises(StoreUnavailable, match=r"Redis: (auth|secret|tls): "):
        await commit(store)
    assert len(server.requests) == 1

    assert await commit(store) == []
    assert servers.located == 2


@pytest.mark.parametrize("error", [LOST, LATE])
async def test_a_commit_that_may_have_arrived_is_not_repeated_by_the_store(
    error: Exception,
) -> None:
    """Refused because it had been done, it would count as another pod's: the caller compares."""
    server = FakeServer(1, error)
    store = a_store(FakeServers(server), server)

    with pytest.raises(StoreUnavailable):
        await commit(store)

    assert len(server.requests) == 1
    assert await commit(store) == []


@pytest.mark.parametrize("error", [LOST, LATE, REFUSED])
async def test_a_read_is_repeated_however_it_failed(error: Exception) -> None:
    """It changes nothing."""
    old, new = FakeServer(1, error), FakeServer(2, [b"block"])

    assert await a_store(FakeServers(old, new), old, new).read(PARTITION, [SERIES]) == [b"block"]


async def test_a_commit_that_never_left_is_repeated() -> None:
    """Nobody listens on the old primary any more."""
    old, new = FakeServer(1, REFUSED), FakeServer(2)

    assert await commit(a_store(FakeServers(old, new), old, new)) == []


@pytest.mark.parametrize("error", [LATE, exceptions.ConnectionError("no Sentinel knows")])
async def test_a_search_for_the_primary_that_fails_is_repeated(error: Exception) -> None:
    """Whatever became of the question, the commit had not left yet."""
    server = FakeServer(1)

    assert await commit(a_store(FakeServers(error, error, server), server)) == []


async def test_a_moved_slot_is_followed_and_remembered() -> None:
    """At once, and without asking anybody where else it might be."""
    old, new = FakeServer(1, then=reply("MOVED 42 fake:2")), FakeServer(2)
    servers = FakeServers(old)
    failures = Failures()
    store = a_store(servers, old, new, observer=failures)

    await commit(store)
    await commit(store)

    assert (len(old.requests), len(new.requests), servers.located) == (1, 2, 1)
    assert failures.kinds == []


async def test_a_server_that_does_not_know_its_own_name_means_its_port() -> None:
    """MOVED with an empty host."""
    old, new = FakeServer(1, reply("MOVED 42 :2")), FakeServer(2)

    assert await commit(a_store(FakeServers(old), old, new)) == []


async def test_a_moving_slot_is_asked_for_once() -> None:
    """ASK holds for one request: the slot is still the source's."""
    source, target = FakeServer(1, reply("ASK 42 fake:2"), b""), FakeServer(2)
    store = a_store(FakeServers(source), source, target)

    await commit(store)
    await commit(store)

    assert (len(source.requests), len(target.requests), target.asked) == (2, 1, 1)


async def test_a_target_without_the_functions_gets_them() -> None:
    """Both libraries, and the request again, still asking."""
    source = FakeServer(1, reply("ASK 42 fake:2"))
    target = FakeServer(2, reply("ERR Function not found"))

    await commit(a_store(FakeServers(source), source, target))

    assert (target.loaded, target.asked) == (2, 2)


async def test_servers_that_send_back_and_forth_are_waited_for() -> None:
    """Two that disagree must not keep the event loop busy."""
    one = FakeServer(1, then=reply("MOVED 42 fake:2"))
    other = FakeServer(2, then=reply("MOVED 42 fake:1"))

    with pytest.raises(StoreUnavailable, match="redirected"):
        await commit(a_store(FakeServers(one), one, other, patience_seconds=LITTLE_SECONDS))

    assert len(one.requests) + len(other.requests) < 50


async def test_patience_is_for_the_outage_not_for_each_request() -> None:
    """Requests that come later in it fail at their first try; the first success ends it."""
    server = FakeServer(1, then=REFUSED)
    servers = FakeServers(server)
    store = a_store(servers, server, patience_seconds=LITTLE_SECONDS)
    with pytest.raises(StoreUnavailable):
        await commit(store)
    assert len(server.requests) > 1
    await asyncio.sleep(LITTLE_SECONDS)
    tries = len(server.requests)

    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await commit(store)
    assert len(server.requests) == tries + 3

    server._then = b""
    assert await commit(store) == []
    server._answers = [REFUSED]
    assert await commit(store) == []  # a new outage, so there is patience again


async def test_a_ping_does_not_wait() -> None:
    """Readiness asks every second, and wants to know about this one."""
    server = FakeServer(1, then=reply("LOADING Redis is loading the dataset in memory"))

    with pytest.raises(StoreUnavailable, match="loading"):
        await a_store(FakeServers(server), server).ping()

    assert len(server.requests) == 4  # one try of each partition


async def test_requests_that_fail_together_look_for_the_primary_once() -> None:
    """Every partition of a dead primary finds out at the same time."""
    old, new = FakeServer(1, *[REFUSED] * 4), FakeServer(2, then=[None])
    servers = FakeServers(old, new)
    store = a_store(servers, old, new)

    await asyncio.gather(*(store.read(p, [SERIES]) for p in range(4)))

    assert servers.located == 2


async def test_a_partition_that_nobody_serves_is_waited_for() -> None:
    """A Cluster that misses slots."""

    class Gap(FakeServers):
        async def locate(self):  # type: ignore[no-untyped-def]
            found = list(await super().locate())
            return [None] * 4 if self.located == 1 else found

    server = FakeServer(1)
    failures = Failures()

    assert await commit(a_store(Gap(server), server, observer=failures)) == []
    assert failures.kinds == ["cluster_down"]


ERRORS = st.sampled_from(
    [LOST, LATE, REFUSED, *(reply(text) for text in (*PASSING, *LASTING))]
    + [reply(f"MOVED 42 fake:{port}") for port in (1, 2, 3)]
    + [reply(f"ASK 42 fake:{port}") for port in (1, 2, 3)]
    + [reply("ERR Function not found")]
)


@given(st.lists(st.lists(ERRORS, max_size=6), min_size=3, max_size=3))
def test_whatever_goes_wrong_a_commit_is_done_once_or_refused(
    faults: list[list[Exception]],
) -> None:
    """Three servers that fail in any order: at most one request ever met with success, or with an
    unknown fate, and none came after it."""
    servers = [FakeServer(i + 1, *answers) for i, answers in enumerate(faults)]
    ends: list[object] = []
    for server in servers:
        original = server.answer

        def answer(request: bytes, *, asking: bool, original=original) -> object:  # type: ignore[no-untyped-def]
            assert not ends, "sent again after it was done or may have been"
            try:
                reply = original(request, asking=asking)
            except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
                if not isinstance(error, Unsent):
                    ends.append(error)
                raise
            if request[:20].find(b"FCALL") >= 0:
                ends.append(reply)
            return reply

        server.answer = answer  # type: ignore[method-assign]
    store = a_store(FakeServers(*servers), *servers, patience_seconds=0.0)
    done = asyncio.run(outcome(store))

    assert done is (ends == [b""])


async def outcome(store: RedisStore) -> bool:
    try:
        await commit(store)
    except StoreUnavailable:
        return False
    return True
