"""Answers of OTLP/HTTP, read with the official messages."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import AsyncIterator

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from anomaly_dataplane.contract.config import parse
from otlp_writer import a_metric, as_json, gauge, point, request
from running_pod import Answer, RunningPod, running_pod
from samples import ZSCORE

BINARY = "application/x-protobuf"
TEXT = "application/json"


@pytest.fixture
async def pod() -> AsyncIterator[RunningPod]:
    async with running_pod(parse({"detection": ZSCORE})) as running:
        yield running


def some() -> ExportMetricsServiceRequest:
    return request(gauge("m", point(time.time() * 1e3, 1.0)))


async def export(
    pod: RunningPod,
    message: ExportMetricsServiceRequest,
    content_type: str,
    path: str = "/v1/metrics",
    **headers: str,
) -> Answer:
    body = message.SerializeToString() if content_type.startswith(BINARY) else as_json(message)
    if "Content_Encoding" in headers:
        body = gzip.compress(body)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await pod.ask(path, "POST", body, {"Content-Type": content_type, **sent})


@pytest.mark.parametrize(
    ("content_type", "body"),
    [(BINARY, b""), (TEXT, b"{}"), (f"{TEXT}; charset=utf-8", b"{}")],
)
@pytest.mark.parametrize(
    "path", ["/v1/metrics", "/api/v1/otlp/v1/metrics", "/opentelemetry/v1/metrics"]
)
async def test_success_is_an_empty_response(
    pod: RunningPod, content_type: str, body: bytes, path: str
) -> None:
    """In the encoding of the request, on the standard's path and those of others; gzip or not."""
    for headers in ({}, {"Content_Encoding": "gzip"}):
        answer = await export(pod, some(), content_type, path, **headers)
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["Content-Type"] == content_type.partition(";")[0]
    assert await pod.accepted() == 2


@pytest.mark.parametrize("content_type", [BINARY, TEXT])
async def test_an_empty_request_is_a_success(pod: RunningPod, content_type: str) -> None:
    answer = await export(pod, ExportMetricsServiceRequest(), content_type)
    assert answer.status == 200
    if content_type == BINARY:
        empty = await pod.ask("/v1/metrics", "POST", b"", {"Content-Type": BINARY})
        assert (empty.status, empty.body) == (200, b"")


@pytest.mark.parametrize("content_type", [BINARY, TEXT])
async def test_points_that_are_not_taken_are_a_partial_success(
    pod: RunningPod, content_type: str
) -> None:
    """Their number and each reason once; late ones are among them."""
    now = time.time() * 1e3
    await export(pod, request(gauge("m", point(now, 1.0))), content_type)
    summary = a_metric("odd", "summary", {"data_points": [{"time_unix_nano": 1}] * 3})
    late = point(now - 3_600_000, 1.0)
    message = request(summary, gauge("m", late, point(now + 1, 2.0)))
    answer = await export(pod, message, content_type)
    assert answer.status == 200
    if content_type == BINARY:
        partly = ExportMetricsServiceResponse.FromString(answer.body).partial_success
        rejected, told = partly.rejected_data_points, partly.error_message
    else:
        document = json.loads(answer.body)["partialSuccess"]
        assert document["rejectedDataPoints"] == "4"
        rejected, told = int(document["rejectedDataPoints"]), document["errorMessage"]
    assert rejected == 4
    assert told.startswith("3 x odd: summaries are not scored")
    assert "1 x later than spec.ingest.allowedLateness" in told
    assert await pod.accepted() == 2


@pytest.mark.parametrize(
    ("content_type", "encoding", "status", "code"),
    [
        (BINARY, "", 400, 3),
        (TEXT, "", 400, 3),
        (BINARY, "zstd", 415, 3),
        ("text/plain", "", 415, 3),
    ],
)
async def test_errors_are_a_status(
    pod: RunningPod, content_type: str, encoding: str, status: int, code: int
) -> None:
    """`google.rpc.Status` in the encoding of the request, in JSON if that is unknown."""
    headers = {"Content-Type": content_type, **({"Content-Encoding": encoding} if encoding else {})}
    answer = await pod.ask("/v1/metrics", "POST", b"\xffrubbish", headers)
    assert answer.status == status
    if content_type == BINARY:
        assert answer.headers["Content-Type"] == BINARY
        read = Status.FromString(answer.body)
        assert (read.code, bool(read.message)) == (code, True)
    else:
        assert answer.headers["Content-Type"] == TEXT
        assert answer.json["code"] == code
        assert answer.json["message"]
