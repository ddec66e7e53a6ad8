"""Methods, paths and queries: who is served, and what the others are told."""

from __future__ import annotations

import pytest

from anomaly_dataplane.contract.runtime import PATH_INGEST
from raw_http import request, wire
from running_pod import RunningPod

SERVED = [
    PATH_INGEST,
    "/team/boiler" + PATH_INGEST,
    PATH_INGEST + "?",
    PATH_INGEST + "?strict=false",
    PATH_INGEST + "?verdicts=true&strict",
    PATH_INGEST + "?verdict%73=%74rue",
    PATH_INGEST + "#part",
    PATH_INGEST + "?verdicts=1#part",
    "/api/v1/%69ngest",
    "http://elsewhere.example" + PATH_INGEST,
]


@pytest.mark.parametrize("target", SERVED)
async def test_a_target_that_means_the_route_is_served(pod: RunningPod, target: str) -> None:
    """With and without the pipeline's prefix, percent-encoded, as proxies write it."""
    async with wire(pod.ports.http_port) as opened:
        answer = await opened.ask(request("POST", target))
        assert answer.status == 200
        assert ("verdicts" in answer.json) == ("verdict" in target)
        assert (await opened.ask(request())).status == 200
    assert await pod.accepted() == 2


@pytest.mark.parametrize(
    "target",
    [
        "/nowhere",
        PATH_INGEST + "/",
        "/" + PATH_INGEST,
        "/API/v1/ingest",
        "/api/v1/x/../ingest",
        "/api%2Fv1/ingest",
        "/other/boiler" + PATH_INGEST,
        "/team/boiler/team/boiler" + PATH_INGEST,
    ],
)
async def test_another_target_is_404_and_told_what_there_is(pod: RunningPod, target: str) -> None:
    """Its body is read over, so that the next request is seen."""
    async with wire(pod.ports.http_port) as opened:
        answer = await opened.ask(request("POST", target))
        assert answer.status == 404
        assert "POST /team/boiler/api/v1/ingest" in answer.json["paths"]  # type: ignore[operator]
        assert (await opened.ask(request())).status == 200
    assert await pod.accepted() == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_another_method_is_405(pod: RunningPod, method: str) -> None:
    """With what the path takes."""
    async with wire(pod.ports.http_port) as opened:
        answer = await opened.ask(request(method))
        assert answer.status == 405
        assert answer.headers["allow"] == "POST"
        assert answer.error == f"{PATH_INGEST} does not take {method}; it takes POST"
        assert (await opened.ask(request())).status == 200
    assert await pod.accepted() == 1


async def test_head_is_answered_without_a_body(pod: RunningPod) -> None:
    """Else its body would be taken for the next answer."""
    async with wire(pod.ports.http_port) as opened:
        await opened.send(request("HEAD", PATH_INGEST, None) + request())
        head = await opened.head()
        assert head.startswith(b"HTTP/1.1 405 ")
        assert (await opened.answer()).status == 200


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("?verdict=true", "unknown query parameter 'verdict'; known: verdicts, strict"),
        ("?verdicts=maybe&strict=2", "verdicts must be true or false, not 'maybe'; query"),
        ("?%00", "unknown query parameter '\\x00'"),
    ],
)
async def test_a_query_that_is_not_understood_is_400(
    pod: RunningPod, query: str, fault: str
) -> None:
    """And the connection goes on."""
    async with wire(pod.ports.http_port) as opened:
        answer = await opened.ask(request("POST", PATH_INGEST + query))
        assert answer.status == 400
        assert fault in answer.error
        assert (await opened.ask(request())).status == 200
    assert await pod.accepted() == 1


@pytest.mark.parametrize(
    ("body", "status", "fault"),
    [
        (b"", 400, "the body is empty"),
        (b"[]", 400, "no sample in the body"),
        (b"{", 400, "not valid JSON"),
        (b'{"metric":"m","value":NaN}', 400, "1 of 1 samples were rejected; none was kept"),
        (b"[" + b",".join([b'{"metric":"m","value":1}'] * 201) + b"]", 413, "more than 200"),
    ],
)
async def test_a_body_that_cannot_be_taken_is_refused_and_the_connection_goes_on(
    pod: RunningPod, body: bytes, status: int, fault: str
) -> None:
    """The next request is none the worse for it."""
    async with wire(pod.ports.http_port) as opened:
        answer = await opened.ask(request(body=body))
        assert answer.status == status
        assert fault in answer.error
        assert (await opened.ask(request())).status == 200
    assert await pod.accepted() == 1


async def test_strict_is_honoured(pod: RunningPod) -> None:
    """A single bad sample makes it a 400; the good ones are kept."""
    body = b'[{"metric":"m","value":1},{"metric":"m","value":NaN}]'
    async with wire(pod.ports.http_port) as opened:
        assert (await opened.ask(request("POST", PATH_INGEST, body))).status == 200
        strict = await opened.ask(request("POST", PATH_INGEST + "?strict", body))
        assert (strict.status, strict.json["accepted"]) == (400, 1)
    assert await pod.accepted() == 2


@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip, gzip"])
async def test_an_encoding_that_is_not_understood_is_415(pod: RunningPod, encoding: str) -> None:
    """Not taken for plain text."""
    asked = request("POST", PATH_INGEST, b"x" * 30, f"Content-Encoding: {encoding}")
    async with wire(pod.ports.http_port) as opened:
        answer = await opened.ask(asked)
        assert answer.status == 415
        assert "send gzip, deflate or none" in answer.error
        assert (await opened.ask(request())).status == 200
