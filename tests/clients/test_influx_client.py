"""influxdb-client-python in each of its ways of writing, to a pod of its own process on Redis."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from influxdb_client import InfluxDBClient, Point, WriteOptions, WritePrecision
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.client.write.retry import WritesRetry
from influxdb_client.client.write_api import ASYNCHRONOUS, SYNCHRONOUS
from influxdb_client.rest import ApiException

from anomaly_dataplane.contract.runtime import INFLUX_VERSION
from anomaly_dataplane.series import Series
from outages import Stack, a_stack

pytestmark = [
    pytest.mark.redis,
    # Of the library, about ways that many still use.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

NOW = int(time.time())
TOKEN = "correct-horse"
PER_SECOND = {
    WritePrecision.S: 1,
    WritePrecision.MS: 1000,
    WritePrecision.US: 10**6,
    WritePrecision.NS: 10**9,
}


def points(way: str, precision: str = WritePrecision.NS) -> list[Point]:
    """Twenty seconds of one series, each with fields of all types."""
    return [
        Point("boiler room")
        .tag("way, it's", way)
        .field("load", 1.5 + i)
        .field("count", -i)
        .field("on", True)
        .field("note", 'open "door", x=1')
        .time((NOW - 20 + i) * PER_SECOND[precision], precision)
        for i in range(20)
    ]


def held(stack: Stack, way: str) -> list[dict[float, float]]:
    labels = {"way, it's": way, "db": "plant"}
    series = [Series(f"boiler room_{field}", labels, 4) for field in ("load", "count")]
    found = stack.samples_of(series)
    return [found[each.name] for each in series]


EXPECTED = [
    {(NOW - 20 + i) * 1000.0: 1.5 + i for i in range(20)},
    {(NOW - 20 + i) * 1000.0: float(-i) for i in range(20)},
]


def test_every_way_of_writing_arrives_once(tmp_path: Path) -> None:
    """At once, in the background, in batches, packed, as dictionaries and lines; each precision.

    From asyncio, too, and through a Redis that is away; and what it asks beside is answered.
    """
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    (tokens / "senders").write_text(TOKEN)
    auth = {"auth": {"tokenSecretRef": {"name": "senders"}}}
    with (
        a_stack(tmp_path, {"ANOMALY_TOKEN_SECRET_DIR": str(tokens)}, ingest=auth) as stack,
        InfluxDBClient(stack.url, TOKEN, org="any", enable_gzip=True) as packed,
        InfluxDBClient(stack.url, TOKEN, org="any") as client,
    ):
        assert client.ping()
        assert client.version() == INFLUX_VERSION
        assert client.build() == "OSS"
        assert client.health().status == "pass"
        assert client.ready().status == "ready"

        at_once = client.write_api(write_options=SYNCHRONOUS)
        for precision in PER_SECOND:
            at_once.write("plant", record=points(precision, precision), write_precision=precision)
        background = client.write_api(write_options=ASYNCHRONOUS)
        background.write("plant", record=points("background")).get()
        for each, way in ((client, "batches"), (packed, "packed")):
            with each.write_api(write_options=WriteOptions(batch_size=7)) as batches:
                batches.write("plant", record=points(way))
        at_once.write("plant", record="\n".join(p.to_line_protocol() for p in points("lines")))
        at_once.write("plant", record=[dictionary(i) for i in range(20)])
        through_an_outage(stack, lambda api: api.write("plant", record=points("outage")))
        asyncio.run(from_asyncio(stack.url))
        ways = [*PER_SECOND, "background", "batches", "packed", "lines", "dictionaries"]
        ways += ["outage", "asyncio"]
        for way in ways:
            assert held(stack, way) == EXPECTED, way
        assert stack.totals().series == 2 * len(ways)
        assert stack.pod.metric("samples_rejected_total") == 0

        bad = Point("boiler room").field("load", 1.0).time((NOW + 9000) * 10**9)
        with pytest.raises(ApiException, match="1 line was rejected, nothing was kept") as told:
            at_once.write("plant", record=bad)
        assert told.value.status == 400
        with (
            InfluxDBClient(stack.url, "wrong", org="any") as stranger,
            pytest.raises(ApiException, match="authorization failed") as told,
        ):
            stranger.write_api(write_options=SYNCHRONOUS).write("plant", record=bad)
        assert told.value.status == 401


def dictionary(i: int) -> dict[str, Any]:
    return {
        "measurement": "boiler room",
        "tags": {"way, it's": "dictionaries"},
        "fields": {"load": 1.5 + i, "count": -i},
        "time": datetime.fromtimestamp(NOW - 20 + i, UTC),
    }


def through_an_outage(stack: Stack, write: Callable[[Any], object]) -> None:
    """Write at once, with the retries of docs/clients.md, while Redis is away."""
    retries = WritesRetry(total=30, allowed_methods=["POST"])
    with InfluxDBClient(stack.url, TOKEN, org="any", retries=retries) as client:
        writing = threading.Thread(
            target=write, args=[client.write_api(write_options=SYNCHRONOUS)], daemon=True
        )
        with stack.without_redis():
            writing.start()
            while stack.pod.metric("requests_refused_total") == 0:
                time.sleep(0.2)
        writing.join(120)
        assert not writing.is_alive()


async def from_asyncio(url: str) -> None:
    """By its other client, which has another HTTP library below."""
    async with InfluxDBClientAsync(url, TOKEN, org="any", enable_gzip=True) as client:
        assert await client.ping()
        assert await client.write_api().write("plant", record=points("asyncio"))
