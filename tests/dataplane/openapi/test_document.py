"""`/openapi.json` describes the routes that there are, and answers are as it says."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from anomaly_dataplane.app import http_app
from anomaly_dataplane.contract.config import IngestProtocol
from running_pod import Answer, RunningPod, running_pod
from samples import ZSCORE, a_config

ALL = [protocol.value for protocol in IngestProtocol]
PROBES = [
    ("GET", "/api/v1/stats", "/api/v1/stats"),
    ("GET", "/api/v1/stats?no=1", "/api/v1/stats"),
    ("GET", "/api/v1/anomalies", "/api/v1/anomalies"),
    ("GET", "/api/v1/anomalies?kind=Any&metric=m", "/api/v1/anomalies"),
    ("GET", "/api/v1/anomalies?limit=0", "/api/v1/anomalies"),
    ("GET", "/api/v1/alerts?resolved=true", "/api/v1/alerts"),
    ("GET", "/api/v1/series", "/api/v1/series"),
    ("GET", "/api/v1/series?cursor=x", "/api/v1/series"),
    ("GET", "/api/v1/series/SERIES", "/api/v1/series/{id}"),
    ("GET", "/api/v1/series/none", "/api/v1/series/{id}"),
    ("GET", "/api/v1/series/SERIES/explain", "/api/v1/series/{id}/explain"),
    ("DELETE", "/api/v1/anomalies/ANOMALY/feedback", "/api/v1/anomalies/{id}/feedback"),
    ("GET", "/", "/"),
    ("GET", "/openapi.json", "/openapi.json"),
    ("GET", "/ping", "/ping"),
    ("HEAD", "/ping", "/ping"),
    ("GET", "/ping?verbose=true", "/ping"),
    ("GET", "/health", "/health"),
    ("GET", "/ready", "/ready"),
    ("GET", "/query?q=SHOW+DATABASES", "/query"),
    ("GET", "/query?q=SELECT", "/query"),
]
POSTS = [
    ("/api/v1/ingest", "?verdicts=true", b'[{"metric": "m", "value": 70}, {"metric": 1}]'),
    ("/api/v1/ingest", "", b"no"),
    ("/api/v1/ingest", "?strict=true", b'[{"metric": "m", "value": 70}, {"metric": 1}]'),
    ("/api/v1/backfill", "", b'{"metric": "m", "value": 70, "timestamp": "2026-01-01T00:00:00Z"}'),
    ("/write", "?db=x", b"m v=1"),
    ("/write", "?db=x", b"m"),
    ("/api/v2/write", "?bucket=x", b"m v=1"),
    ("/api/v2/write", "?bucket=x", b"m"),
    ("/api/v3/write_lp", "?db=x", b"m v=1"),
    ("/api/v3/write_lp", "?db=x", b"m"),
    ("/query", "?q=SHOW+DATABASES", b""),
    ("/api/v1/write", "", b"no"),
    ("/v1/metrics", "", b"no"),
]


async def described(pod: RunningPod) -> dict[str, Any]:
    answer = await pod.ask("/openapi.json")
    assert answer.status == 200, answer.text
    return dict(answer.json)


def check(document: dict[str, Any], method: str, path: str, answer: Answer) -> None:
    """The answer's status, type and body are among those that are described."""
    responses = document["paths"][path][method.lower()]["responses"]
    assert str(answer.status) in responses, (method, path, answer.status, answer.text)
    content = responses[str(answer.status)].get("content")
    if content is None:
        assert not answer.body
        return
    media_type = answer.headers["Content-Type"].partition(";")[0]
    assert media_type in content
    schema = {**content[media_type]["schema"], "components": document["components"]}
    body = answer.json if media_type == "application/json" else answer.text
    Draft202012Validator(schema).validate(body)


@pytest.mark.parametrize("base", ["", "/team/boiler"])
@pytest.mark.parametrize("protocols", [ALL, ["JSON"], [ALL[-1]]])
async def test_it_describes_every_route_and_no_other(protocols: list[str], base: str) -> None:
    """By comparison with the router, but for what only tells that a protocol is switched off."""
    config = replace(a_config(ingest={"protocols": protocols}), base_path=base)
    async with running_pod(config) as pod:
        document = await described(pod)
        routes = {
            (route.method, resource.canonical)
            for resource in http_app(pod.pod).router.resources()
            for route in resource
            if "SwitchedOff" not in route.handler.__qualname__
        }
        bare = {
            (method, path)
            for method, path in routes
            if not (base and (path == base or path.startswith(base + "/")))
        }
        found = {
            (method.upper(), path) for path, item in document["paths"].items() for method in item
        }
        assert found == bare
        if base:
            assert {(method, base + path) for method, path in found} <= routes
            assert (await pod.ask(base + "/openapi.json")).json == document
        assert document["servers"][0]["url"] == (base or "/")


async def test_answers_are_as_it_says() -> None:
    """Status, content type and schema of real answers of a pod that has found something."""
    start = time.time() - 100
    samples = [
        {"metric": "m", "timestamp": start + i, "value": 70 + (i % 3) * 0.1} for i in range(60)
    ]
    samples.append({"metric": "m", "timestamp": start + 60, "value": 99})
    async with running_pod(a_config(detection=ZSCORE, ingest={"protocols": ALL})) as pod:
        document = await described(pod)
        for schema in document["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)
        check(document, "POST", "/api/v1/ingest", await pod.ingest(samples, "?verdicts=true"))
        while await pod.pod.alerting.stage.step():
            pass
        assert (await pod.ask("/api/v1/alerts")).json["alerts"]
        anomaly: Any = (await pod.ask("/api/v1/anomalies")).json["anomalies"]
        identity, series = anomaly[0]["id"], anomaly[0]["series"]
        feedback = f"/api/v1/anomalies/{identity}/feedback"
        for said in (b'{"label": "false"}', b'{"label": "true"}', b"{}"):
            answer = await pod.ask(feedback, "POST", said)
            check(document, "POST", "/api/v1/anomalies/{id}/feedback", answer)
        for method, target, path in PROBES:
            target = target.replace("SERIES", series).replace("ANOMALY", identity)
            check(document, method, path, await pod.ask(target, method))
        for path, query, body in POSTS:
            check(document, "POST", path, await pod.ask(path + query, "POST", body))


async def test_it_is_open_and_tells_of_tokens(tmp_path: Path) -> None:
    """Only of a pipeline that wants them."""
    auth = {"protocols": ALL, "auth": {"tokenSecretRef": {"name": "senders"}}}
    limited = a_config(ingest={"rateLimit": {"requestsPerSecond": 10}})
    async with running_pod(limited) as pod:
        assert "securitySchemes" not in (await described(pod))["components"]
    config = a_config(ingest=auth)
    async with running_pod(config, ANOMALY_TOKEN_SECRET_DIR=str(tmp_path)) as pod:
        document = await described(pod)
        assert document["components"]["securitySchemes"]
        for method, path in (("GET", "/api/v1/stats"), ("POST", "/api/v1/write")):
            answer = await pod.ask(path, method)
            assert answer.status == 401
            check(document, method, path, answer)
        for path in ("/ping", "/openapi.json"):
            assert document["paths"][path]["get"]["security"] == []
