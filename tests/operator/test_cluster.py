"""The client against an HTTP server that answers like the API server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from anomaly_operator import cluster, kinds
from anomaly_operator.errors import ApiError
from anomaly_operator.settings import Settings

Answer = tuple[int, dict[str, Any], dict[str, str]]


class FakeServer:
    """Gives the prepared answers in order, the last one for ever, and notes what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, str, str, str]] = []
        self.accepted: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.text()
        kind = request.headers.get("Content-Type", "")
        self.accepted.append(request.headers.get("Accept", ""))
        self.requests.append((request.method, str(request.rel_url), kind, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.json_response(answer[1], status=answer[0], headers=answer[2])


@asynccontextmanager
async def connected(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int = 30
) -> AsyncIterator[cluster.KubeCluster]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        f"""
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{token: secret-token}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""
    )
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(
        "kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig)
    )
    try:
        async with cluster.connect(Settings(api_timeout_seconds=seconds)) as found:
            yield found
    finally:
        await runner.cleanup()


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "boiler", "namespace": "team"},
}


async def test_an_apply_is_a_forced_server_side_apply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under our field manager, at the object's own path."""
    server = FakeServer((200, {**SERVICE, "live": True}, {}))

    async with connected(server, tmp_path, monkeypatch) as api:
        live = await api.apply(SERVICE)

    assert live["live"] is True
    ((method, url, kind, body),) = server.requests
    assert (method, kind) == ("PATCH", "application/apply-patch+yaml")
    assert url == (
        "/api/v1/namespaces/team/services/boiler?fieldManager=anomaly-operator&force=true"
    )
    assert '"name": "boiler"' in body


async def test_lists_are_read_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And items get the kind that lists leave out."""
    pages: list[Answer] = [
        (200, {"metadata": {"continue": "next"}, "items": [{"metadata": {"name": "a"}}]}, {}),
        (200, {"metadata": {}, "items": [{"metadata": {"name": "b"}}]}, {}),
    ]
    server = FakeServer(*pages)

    async with connected(server, tmp_path, monkeypatch) as api:
        found = await api.select(kinds.DEPLOYMENT, None, "a=b")

    assert [each["metadata"]["name"] for each in found] == ["a", "b"]
    assert {each["kind"] for each in found} == {"Deployment"}
    assert "continue=next" in server.requests[1][1]


async def test_a_list_of_heads_is_of_metadata_alone_and_may_be_null(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is how the API server writes an empty one."""
    server = FakeServer((200, {"metadata": {}, "items": None}, {}))

    async with connected(server, tmp_path, monkeypatch) as api:
        pages = [page async for page in api.pages(kinds.PIPELINE, None, "a=b", heads=True)]

    assert pages == [[]]
    assert "as=PartialObjectMetadataList" in server.accepted[0]


@pytest.mark.parametrize(
    ("code", "headers", "transient", "wait"),
    [
        (500, {}, True, None),
        (503, {"Retry-After": "7"}, True, 7),
        (429, {"Retry-After": "1"}, True, 1),
        (409, {}, True, None),
        (401, {}, True, None),
        (403, {}, False, None),
        (422, {}, False, None),
    ],
)
async def test_a_refusal_says_whether_to_come_again(
    code: int,
    headers: dict[str, str],
    transient: bool,
    wait: float | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the API server's own words and its own wait."""
    server = FakeServer((code, {"kind": "Status", "message": "the words"}, headers))

    async with connected(server, tmp_path, monkeypatch) as api:
        with pytest.raises(ApiError, match="the words") as refused:
            await api.apply(SERVICE)

    assert (refused.value.code, refused.value.transient) == (code, transient)
    assert refused.value.retry_after == wait


async def test_what_is_not_there_is_none_and_may_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is an error."""
    server = FakeServer((404, {"message": "not found"}, {}))

    async with connected(server, tmp_path, monkeypatch) as api:
        assert await api.get(kinds.SERVICE, "team", "boiler") is None
        await api.delete(kinds.SERVICE, "team", "boiler", "uid-1")

    assert '"uid": "uid-1"' in server.requests[1][3]


async def test_no_answer_is_an_error_that_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is gone, for one."""
    server = FakeServer((200, {}, {}))

    async with connected(server, tmp_path, monkeypatch) as api:
        api._client.configuration.host = "http://127.0.0.1:1"
        with pytest.raises(ApiError) as refused:
            await api.apply(SERVICE)

    assert (refused.value.code, refused.value.transient) == (0, True)


async def test_an_optional_kind_is_looked_for_again_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its absence is believed for seconds, its presence until a 404."""
    known = {"resources": [{"name": "servicemonitors"}]}
    server = FakeServer((404, {}, {}), (200, known, {}))
    now = 0.0

    async with connected(server, tmp_path, monkeypatch) as api:
        api._clock = lambda: now
        assert not await api.serves(kinds.SERVICE_MONITOR)
        now = 10.0
        assert not await api.serves(kinds.SERVICE_MONITOR)
        now = 30.0
        assert await api.serves(kinds.SERVICE_MONITOR)
        assert not await api.serves(kinds.PROMETHEUS_RULE), "one answer tells of the whole group"
        now = 3000.0
        assert await api.serves(kinds.SERVICE_MONITOR)

    assert len(server.requests) == 2


MONITOR = {
    "apiVersion": kinds.SERVICE_MONITOR.api_version,
    "kind": kinds.SERVICE_MONITOR.kind,
    "metadata": {"namespace": "team", "name": "boiler"},
}


@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.apply(MONITOR),
        lambda api: api.select(kinds.SERVICE_MONITOR, "team", "a=b"),
    ],
    ids=["apply", "list"],
)
async def test_an_optional_kind_that_went_away_is_noticed_by_whatever_asks_first(
    ask: Callable[[cluster.KubeCluster], Awaitable[object]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither can be missing but with the whole API, which is then looked for anew."""
    known = {"resources": [{"name": "servicemonitors"}]}
    server = FakeServer((200, known, {}), (404, {}, {}), (404, {}, {}))

    async with connected(server, tmp_path, monkeypatch) as api:
        assert await api.serves(kinds.SERVICE_MONITOR)
        with pytest.raises(ApiError):
            await ask(api)
        assert not await api.serves(kinds.SERVICE_MONITOR)


async def test_the_status_is_merged_into_that_very_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The uid keeps a namesake safe."""
    server = FakeServer((200, {}, {}))

    async with connected(server, tmp_path, monkeypatch) as api:
        await api.patch_status("team", "boiler", "uid-1", {"replicas": 1})

    ((method, url, kind, body),) = server.requests
    assert (method, kind) == ("PATCH", "application/merge-patch+json")
    assert url.startswith(
        "/apis/anomalypipeline.io/v1alpha1/namespaces/team/anomalypipelines/boiler/status"
    )
    assert '"uid": "uid-1"' in body
