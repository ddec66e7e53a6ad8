"""Content negotiation and answers of remote write, as its specifications have them."""

from __future__ import annotations

import io
import time
from collections.abc import AsyncIterator, Mapping

import cramjam
import pytest

from anomaly_dataplane.contract.config import parse
from anomaly_dataplane.ingest.protocol import Facts
from anomaly_dataplane.ingest.remote_write.dialect import RemoteWriteCall, RemoteWriteDialect
from anomaly_dataplane.ingest.remote_write.v1 import ParserV1
from anomaly_dataplane.ingest.remote_write.v2 import ParserV2
from anomaly_dataplane.series import SeriesTable
from anomaly_dataplane.store.memory_store import MemoryStore
from faulty_store import Fault, FaultyStore
from protobuf_writer import (
    STALE_NAN,
    RequestV2,
    eight,
    number,
    part,
    request_v1,
    series_v1,
)
from running_pod import Answer, RunningPod, running_pod
from samples import ZSCORE

V1 = "application/x-protobuf"
V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
LABELS = [("__name__", "m"), ("a", "b")]
CONFIG = parse({"detection": ZSCORE})


@pytest.fixture
async def pod() -> AsyncIterator[RunningPod]:
    async with running_pod(CONFIG) as running:
        yield running


def now_ms() -> int:
    return int(time.time() * 1e3)


async def write(
    pod: RunningPod, body: bytes, headers: Mapping[str, str | None] | None = None
) -> Answer:
    packed = bytes(cramjam.snappy.compress_raw(body))
    wanted = {"Content-Encoding": "snappy", "Content-Type": V2, **(headers or {})}
    sent = {name: value for name, value in wanted.items() if value is not None}
    return await pod.ask("/api/v1/write", "POST", io.BytesIO(packed), sent)


def written(answer: Answer) -> tuple[str, str, str]:
    """Samples, histograms and exemplars, by the headers of an answer."""
    prefix = "X-Prometheus-Remote-Write-"
    kinds = ("Samples", "Histograms", "Exemplars")
    samples, histograms, exemplars = (answer.headers[f"{prefix}{kind}-Written"] for kind in kinds)
    return samples, histograms, exemplars


@pytest.mark.parametrize(
    "content_type",
    [
        V2,
        "application/x-protobuf; proto=io.prometheus.write.v2.Request",
        'Application/X-Protobuf; charset=x; PROTO="io.prometheus.write.v2.Request"',
    ],
)
async def test_version_two_is_told_by_its_content_type(pod: RunningPod, content_type: str) -> None:
    body = RequestV2().add(LABELS, (now_ms(), 1.0)).encode()
    assert (await write(pod, body, {"Content-Type": content_type})).status == 204
    assert await pod.accepted() == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": V1},
        {"Content-Type": "application/x-protobuf;proto=prometheus.WriteRequest"},
        {"Content-Encoding": None, "Content-Type": V1},
    ],
    ids=["bare", "said", "no encoding"],
)
async def test_all_else_is_version_one(pod: RunningPod, headers: Mapping[str, str | None]) -> None:
    """A missing encoding is Snappy, as in Prometheus itself."""
    body = request_v1(series_v1(LABELS, (now_ms(), 1.0)))
    assert (await write(pod, body, headers)).status == 204
    assert await pod.accepted() == 1


def test_a_missing_type_is_version_one_too() -> None:
    """Whose receivers never looked at it; with and without an encoding."""
    v1, v2 = ParserV1(SeriesTable(4), 10), ParserV2(SeriesTable(4), 10)
    dialect = RemoteWriteDialect(v1, v2)
    empty = {"Content-Type": "", "Content-Encoding": ""}
    for headers in ({}, {"Content-Encoding": "snappy"}, empty):
        call = dialect.call(Facts("/api/v1/write", {}, headers))
        assert isinstance(call, RemoteWriteCall)
        assert (call.parser, call.encoding) == (v1, "snappy")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Encoding": "zstd", "X-VictoriaMetrics-Remote-Write-Version": "1"},
        {"Content-Encoding": "gzip"},
        {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v3.Request"},
        {"Content-Type": "application/json"},
    ],
    ids=["zstd", "gzip", "another message", "JSON"],
)
async def test_what_is_not_understood_is_415(
    pod: RunningPod, headers: Mapping[str, str | None]
) -> None:
    """Senders go back to what is; on any other code they would not, or for ever try again."""
    answer = await write(pod, RequestV2().add(LABELS, (now_ms(), 1.0)).encode(), headers)
    assert answer.status == 415
    assert written(answer) == ("0", "0", "0")
    assert "send snappy" in answer.text or "send application/x-protobuf" in answer.text


async def test_success_says_how_much_was_written(pod: RunningPod) -> None:
    """New samples and known ones; the end of a series and a NaN count, as they were heeded."""
    now = now_ms()
    request = RequestV2().add(LABELS, (now, 1.0), (now + 1, 2.0), (now + 2, STALE_NAN))
    request.add(LABELS, (now + 3, float("nan")))
    for _ in range(2):
        answer = await write(pod, request.encode())
        assert (answer.status, answer.text) == (204, "")
        assert written(answer) == ("4", "0", "0")
    assert await pod.accepted() == 2
    metrics = (await pod.admin("/metrics")).text
    assert 'samples_valueless_total{protocol="remote_write"} 2.0' in metrics
    assert 'series_closed_total{protocol="remote_write"} 2.0' in metrics


async def test_late_samples_are_not_written(pod: RunningPod) -> None:
    """That is no error of the request, but the sender counts them as failed."""
    now = now_ms()
    await write(pod, RequestV2().add(LABELS, (now, 1.0)).encode())
    answer = await write(
        pod, RequestV2().add(LABELS, (now - 3_600_000, 1.0), (now + 1, 1.0)).encode()
    )
    assert answer.status == 204
    assert written(answer) == ("1", "0", "0")


@pytest.mark.parametrize("content_type", [V1, V2], ids=["v1", "v2"])
async def test_a_bad_sample_is_400_that_says_what_was_written(
    pod: RunningPod, content_type: str
) -> None:
    """The others are in; which are not, and why, stands in the first bytes of the text."""
    now = now_ms()
    histogram = number(1, 12) + eight(3, 18.4) + number(15, now)
    if content_type is V1:
        body = request_v1(
            series_v1(LABELS, (now, 1.0)),
            series_v1([("a", "b")], (now, 1.0)),
            series_v1(LABELS, more=part(4, histogram)),
        )
    else:
        request = RequestV2().add(LABELS, (now, 1.0)).add([("a", "b")], (now, 1.0))
        body = request.add(LABELS, more=part(3, histogram)).encode()
    answer = await write(pod, body, {"Content-Type": content_type})
    assert answer.status == 400
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert written(answer) == ("1", "0", "0")
    assert answer.text.startswith("2 of 3 samples were rejected; the others are kept: sample 1: ")
    assert "__name__ is missing" in answer.text
    assert 'm{a="b"}: native histograms are not scored' in answer.text
    assert await pod.accepted() == 1


async def test_a_text_stays_short_however_much_is_wrong(pod: RunningPod) -> None:
    """Prometheus reads no more than a kilobyte of it."""
    request = RequestV2()
    for _ in range(500):
        request.add([("a", "b")], (now_ms(), 1.0))
    answer = await write(pod, request.encode())
    assert answer.status == 400
    assert "none was kept" in answer.text
    assert len(answer.text) < 1024


async def test_metadata_alone_is_taken(pod: RunningPod) -> None:
    """Prometheus sends it in requests of its own; an error there would fill its log."""
    metadata = part(3, number(1, 1) + part(2, "m") + part(4, "help"))
    assert (await write(pod, metadata, {"Content-Type": V1})).status == 204


async def test_a_store_that_is_away_wrote_nothing() -> None:
    """503 has the headers as well."""
    async with running_pod(CONFIG, FaultyStore(MemoryStore(), [Fault.BEFORE] * 100)) as pod:
        answer = await write(pod, RequestV2().add(LABELS, (now_ms(), 1.0)).encode())
        assert answer.status == 503
        assert answer.headers["Retry-After"].isdigit()
        assert written(answer) == ("0", "0", "0")


async def test_a_bomb_costs_nothing(pod: RunningPod) -> None:
    """A Snappy block says how much it holds before any of it is unpacked."""
    answer = await write(pod, bytes(50_000_000), {"Content-Type": V1})
    assert answer.status == 413
    assert "spec.ingest.maxBodyBytes" in answer.text


async def test_the_alias_takes_the_same(pod: RunningPod) -> None:
    """`/api/v1/push` is the path of Cortex and Mimir."""
    packed = bytes(cramjam.snappy.compress_raw(request_v1(series_v1(LABELS, (now_ms(), 1.0)))))
    assert (await pod.ask("/api/v1/push", "POST", packed, {"Content-Type": V1})).status == 204
    assert await pod.accepted() == 1
