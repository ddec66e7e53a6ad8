"""What InfluxDB's clients are told, to the byte where they look at bytes, by a whole pod.

By one in the test's process, and by a process of its own with Redis and a token.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from uuid import uuid4

import pytest

from anomaly_dataplane.contract.config import parse
from anomaly_dataplane.store.memory_store import MemoryStore
from faulty_store import Fault, FaultyStore
from outages import PodProcess
from redis_server import RedisServer
from running_pod import Answer, RunningPod, running_pod
from served_pods import ServedPod, asking, pod_process

DOCUMENT = {"ingest": {"maxBodyBytes": 10_000}}
CONFIG = parse(DOCUMENT)
NOW = int(time.time())
GOOD = f"cpu,host=a usage=1.5 {NOW}000000000\n"
MIXED = f"{GOOD}cpu,host=a usage=x 5\ncpu,host=a usage=2 {NOW + 1}000000000\ncpu\n"


@dataclass(frozen=True)
class Asked:
    """A pod, and a name for the series of one test; others may have sent it theirs."""

    pod: ServedPod
    site: str

    async def ask(
        self,
        path: str,
        method: str = "GET",
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return await self.pod.ask(path, method, body, headers)

    async def accepted(self) -> int:
        return await self.pod.accepted()


@pytest.fixture(scope="module")
def process(
    standalone: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PodProcess]:
    folder = tmp_path_factory.mktemp("influx")
    with pod_process(folder, DOCUMENT, "Standalone", [standalone]) as running:
        yield running


@pytest.fixture(params=["in process", "on redis"])
async def pod(request: pytest.FixtureRequest) -> AsyncIterator[Asked]:
    site = uuid4().hex
    if request.param == "in process":
        async with running_pod(CONFIG) as running:
            yield Asked(running, site)
    else:
        async with asking(request.getfixturevalue("process")) as served:
            yield Asked(served, site)


async def write(pod: Asked | RunningPod, path: str, text: str | bytes, **headers: str) -> Answer:
    body = text.encode() if isinstance(text, str) else text
    return await pod.ask(path, "POST", body, headers)


def own(pod: Asked, text: str) -> str:
    """Lines of series that no other test has."""
    return text.replace("cpu,", f"cpu,site={pod.site},")


PATHS = [
    "/write?db=telegraf&rp=autogen&consistency=any",
    "/api/v2/write?org=o&bucket=telegraf&precision=ns",
    "/api/v3/write_lp?db=telegraf&no_sync=true",
    "/influx/write?db=telegraf",
    "/influx/api/v2/write?bucket=telegraf",
]


@pytest.mark.parametrize("path", PATHS)
async def test_success_is_204_without_a_body(pod: Asked, path: str) -> None:
    """Telegraf takes a 200 of version 1 for an error and sends again for ever."""
    lines = own(pod, GOOD).encode()
    for body, headers in (
        (lines, {}),
        (gzip.compress(lines), {"Content-Encoding": "gzip"}),
    ):
        answer = await write(pod, path, body, **headers)
        assert (answer.status, answer.text) == (204, "")
        assert "Content-Length" not in answer.headers
    assert await pod.accepted() == 1


async def test_all_versions_write_to_the_same_series(pod: Asked) -> None:
    """A database of version 1 and a bucket of version 2 with one name are one."""
    for path in PATHS:
        assert (await write(pod, path, own(pod, GOOD))).status == 204
    assert await pod.accepted() == 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", ["", "\n\n", "# a comment\n", 'a s="text",b=true\n'])
async def test_a_body_without_samples_is_fine(pod: Asked, path: str, body: str) -> None:
    """Home Assistant tries its settings with an empty one, and sends many strings."""
    assert (await write(pod, path, body)).status == 204
    assert await pod.accepted() == 0


async def test_a_partial_write_of_version_1(pod: Asked) -> None:
    """In the words by which Telegraf knows that sending again is pointless."""
    answer = await write(pod, "/write?db=d", own(pod, MIXED))
    assert answer.status == 400
    assert answer.error.startswith(
        "partial write: line 2: field 'usage' is 'x', which is no number"
    )
    assert answer.error.endswith(
        "; line 4: there is no field; a line is measurement,tag=value field=1.5 timestamp dropped=2"
    )
    assert answer.headers["X-Influxdb-Error"] == answer.error[:200]
    assert answer.headers["X-Influxdb-Version"]
    assert await pod.accepted() == 2


async def test_nothing_kept_by_version_1(pod: Asked) -> None:
    """Is not partial; the header holds no character that a header must not."""
    answer = await write(pod, "/write?db=d", "m ö=\u00e4\n")
    assert answer.status == 400
    assert answer.error.startswith("unable to parse line 1: field 'ö' is 'ä'")
    assert answer.headers["X-Influxdb-Error"].isascii()


async def test_a_partial_write_of_version_2(pod: Asked) -> None:
    """Accepts what is good, names the others."""
    answer = await write(pod, "/api/v2/write?bucket=b", own(pod, MIXED))
    assert answer.status == 400
    assert answer.json["code"] == "invalid"
    assert answer.json["line"] == 2
    message = str(answer.json["message"])
    assert message.startswith("2 lines were rejected, the others are kept: line 2: field")
    assert "; line 4: there is no field" in message
    assert await pod.accepted() == 2


async def test_a_partial_write_of_version_3(pod: Asked) -> None:
    """One entry a line; all or nothing if asked."""
    all_or_nothing = await write(pod, "/api/v3/write_lp?db=d&accept_partial=false", own(pod, MIXED))
    assert all_or_nothing.status == 400
    assert all_or_nothing.error == "2 lines were rejected, nothing was kept"
    assert await pod.accepted() == 0
    answer = await write(pod, "/api/v3/write_lp?db=d", own(pod, MIXED))
    assert answer.status == 400
    assert answer.error == "partial write of line protocol occurred"
    data = answer.json["data"]
    assert isinstance(data, list)
    assert [each["line_number"] for each in data] == [2, 4]
    assert await pod.accepted() == 2


async def test_all_or_nothing_holds_for_the_clock_too(pod: Asked) -> None:
    """A sample ahead of it is one of the bad ones."""
    ahead = GOOD + f"cpu,host=b usage=1 {NOW + 3600}000000000\n"
    answer = await write(pod, "/api/v3/write_lp?accept_partial=false&precision=ns", ahead)
    assert answer.status == 400
    assert answer.json["data"][0]["line_number"] == 2  # type: ignore[index]
    assert await pod.accepted() == 0


@pytest.mark.parametrize(
    ("path", "per_second"),
    [
        ("/write?precision=s", 1),
        ("/write?precision=ms", 1000),
        ("/write?precision=u", 10**6),
        ("/write?precision=%C2%B5", 10**6),
        ("/write?precision=n", 10**9),
        ("/write", 10**9),
        ("/api/v2/write?precision=s", 1),
        ("/api/v2/write?precision=us", 10**6),
        ("/api/v2/write?precision=whatever", 10**9),
        ("/api/v3/write_lp", 1),
        ("/api/v3/write_lp?precision=auto", 1000),
        ("/api/v3/write_lp?precision=nanosecond", 10**9),
        ("/api/v3/write_lp?precision=second", 1),
    ],
)
async def test_precisions(pod: Asked, path: str, per_second: int) -> None:
    """All of them mean the same instant, so the second is a repeat of the first."""
    assert (await write(pod, "/write", own(pod, f"cpu,a=b v=1 {NOW}000000000"))).status == 204
    assert (await write(pod, path, own(pod, f"cpu,a=b v=1 {NOW * per_second}"))).status == 204
    assert await pod.accepted() == 1


@pytest.mark.parametrize("path", ["/write?precision=d", "/api/v3/write_lp?precision=minute"])
async def test_an_unknown_precision_is_refused(pod: Asked, path: str) -> None:
    """Else all timestamps would be read wrongly."""
    answer = await write(pod, path, GOOD)
    assert answer.status == 400
    assert "precision" in answer.error


async def test_version_2_says_what_is_the_largest_body(pod: Asked) -> None:
    """Telegraf halves its batches then."""
    answer = await write(pod, "/api/v2/write", b"x" * 10_001)
    assert answer.status == 413
    assert answer.json["code"] == "invalid"
    assert answer.json["maxLength"] == 10_000


async def test_a_store_that_is_away_is_503_in_the_words_of_each() -> None:
    """With whole seconds to wait."""
    async with running_pod(CONFIG, FaultyStore(MemoryStore(), [Fault.BEFORE] * 1000)) as pod:
        first = await write(pod, "/write", GOOD)
        second = await write(pod, "/api/v2/write", GOOD)
        for answer in (first, second):
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "3"
        assert "partial write" not in first.error
        assert second.json["code"] == "unavailable"


@pytest.mark.parametrize("prefix", ["", "/influx"])
async def test_a_client_that_looks_whether_anybody_is_there(pod: Asked, prefix: str) -> None:
    """By any of the ways that they have."""
    for method in ("GET", "HEAD"):
        ping = await pod.ask(prefix + "/ping", method)
        assert (ping.status, ping.text) == (204, "")
        assert ping.headers["X-Influxdb-Version"] == "1.8.10"
    verbose = await pod.ask(prefix + "/ping?verbose=true")
    assert (verbose.status, verbose.json) == (200, {"version": "1.8.10"})
    health = await pod.ask(prefix + "/health")
    assert (health.status, health.json["status"]) == (200, "pass")
    assert (await pod.ask(prefix + "/ready")).json["status"] == "ready"


async def test_a_pod_that_leaves_is_not_healthy() -> None:
    """Nor ready."""
    async with running_pod(CONFIG) as pod:
        pod.pod.readiness.leaving = True
        assert (await pod.ask("/health")).json["status"] == "fail"
        assert (await pod.ask("/ready")).status == 503


async def test_a_database_can_be_created(pod: Asked) -> None:
    """Which Telegraf does at each start; there is nothing to be done for it."""
    asked = 'CREATE DATABASE "telegraf"'
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    posted = await pod.ask("/query", "POST", b"q=CREATE+DATABASE+%22telegraf%22", form)
    gotten = await pod.ask(f"/query?q={asked.replace(' ', '%20')}&db=x")
    for answer in (posted, gotten):
        assert (answer.status, answer.json) == (200, {"results": []})
    for other in ("SELECT%20*%20FROM%20m", "DROP%20DATABASE%20x", ""):
        refused = await pod.ask(f"/query?q={other}")
        assert refused.status == 400
        assert refused.error


async def test_a_form_of_a_thousand_fields_is_refused(pod: Asked) -> None:
    """And is no defect of ours: nothing that is sent makes a 500."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await pod.ask("/query", "POST", b"a=1&" * 1000 + b"q=SHOW+DATABASES", form)
    assert answer.status == 400
    assert answer.error == "the form has more than 20 fields; a query is one field q=..."


async def test_lines_ahead_of_the_clock_are_named(pod: Asked) -> None:
    """By their number, though parsing was done with them."""
    ahead = f"# now\n{GOOD}cpu,host=a usage=1,b=2 {NOW + 3600}000000000\n"
    answer = await write(pod, "/api/v2/write", ahead)
    assert answer.status == 400
    assert str(answer.json["message"]).count("line 3: timestamp") == 2
    assert json.loads(answer.text)["line"] == 3
