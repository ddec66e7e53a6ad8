"""Which requests the front takes itself. That it refuses nothing is shown in `../http/`."""

from __future__ import annotations

import asyncio

import pytest

from anomaly_dataplane.app import assemble
from anomaly_dataplane.contract.runtime import PATH_INGEST
from anomaly_dataplane.front import heads as heads_module
from anomaly_dataplane.front.heads import MAX_HEAD_BYTES, Heads
from anomaly_dataplane.ingest.native_dialect import NativeCall, Wishes
from anomaly_dataplane.settings import read_settings
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.telemetry import Telemetry
from raw_http import request
from samples import a_config

SAMPLE = b'{"metric":"m","value":1}'
PREFIXED = "/team/boiler" + PATH_INGEST


@pytest.fixture
async def heads() -> Heads:
    pod = assemble(read_settings({}, {}), a_config(), MemoryStore(), Telemetry("test", "python"))
    endpoint = pod.endpoints[PATH_INGEST]
    endpoints = {PATH_INGEST: endpoint, PREFIXED: endpoint}
    return Heads(endpoints, 1000, asyncio.get_running_loop())


def head(*headers: str, target: str = PATH_INGEST, size: int = 24, **more: str) -> bytes:
    body = b"x" * size
    return request("POST", target, body, *headers, **more)[: -size or None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (head(), (PATH_INGEST, 24, "", Wishes())),
        (b"\r\n" + head(), (PATH_INGEST, 24, "", Wishes())),
        (head(size=1000), (PATH_INGEST, 1000, "", Wishes())),
        (
            head("Connection: keep-alive", "User-Agent: x", target=PREFIXED),
            (PREFIXED, 24, "", Wishes()),
        ),
        (
            head("Content-Encoding: GZIP", target=PATH_INGEST + "?strict"),
            (PATH_INGEST, 24, "gzip", Wishes(strict=True)),
        ),
        (
            head("content-type: application/x-ndjson", target=PATH_INGEST + "?verdict%73=1"),
            (PATH_INGEST, 24, "", Wishes(lines=True, verdicts=True)),
        ),
    ],
)
async def test_a_plain_head_is_read(
    heads: Heads, text: bytes, expected: tuple[str, int, str, Wishes]
) -> None:
    """Twice: as it is parsed and as it is remembered."""
    for _ in range(2):
        read = heads.read(text)
        assert read is not None
        assert isinstance(read.call, NativeCall)
        assert (read.facts.path, read.length, read.call.encoding, read.call.wishes) == expected


@pytest.mark.parametrize(
    "text",
    [
        request("GET", PATH_INGEST, None),
        request("PUT").removesuffix(SAMPLE),
        request("POST", PATH_INGEST, None),
        head(version="1.0"),
        head(size=0),
        head(size=1001),
        head("Connection: close"),
        head("Expect: 100-continue"),
        head("Content-Encoding: br"),
        head("Connection: upgrade", "Upgrade: h2c"),
        head("Connection: upgrade", "Upgrade: websocket"),
        head("Content-Length: 24"),
        head("Transfer-Encoding: chunked"),
        head("X: " + "y" * MAX_HEAD_BYTES),
        head(target=PATH_INGEST + "?verdict=1"),
        head(target=PATH_INGEST + "?verdicts=x"),
        head(target=PATH_INGEST + "#part"),
        head(target="/nowhere"),
        head(target="http://elsewhere" + PATH_INGEST),
        head(target="/api/v1/%69ngest"),
        head() + head(),
        head() + b"x\r\n\r\n",
        b"\r\n\r\n",
        head().replace(b"\r\n", b"\n") + b"\r\n\r\n",
    ],
)
async def test_another_head_is_not(heads: Heads, text: bytes) -> None:
    """Odd or broken, it is aiohttp's."""
    for _ in range(2):
        assert heads.read(text) is None


async def test_a_head_that_came_in_part_may_become_plain_until_something_is_wrong(
    heads: Heads,
) -> None:
    """Each of its beginnings may; what cannot is known at once."""
    whole = head("X: y")
    assert all(heads.may_become_plain(whole[:end]) for end in range(1, len(whole) - 1))
    for wrong in (b"G", b"POST x", b"POST /\0", whole[:-4].replace(b"\r\n", b"\n") + b"\nX: y"):
        assert not heads.may_become_plain(wrong)
    assert not heads.may_become_plain(whole[:-4] + b"y" * MAX_HEAD_BYTES)


async def test_remembered_heads_are_bounded(heads: Heads, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that numbers requests must not fill the memory; every head is read all the same."""
    monkeypatch.setattr(heads_module, "_REMEMBERED", 10)
    for i in range(35):
        assert heads.read(head(f"X-Request-ID: {i}")) is not None
        assert len(heads._known) <= 10


async def test_remembered_heads_are_bounded_in_bytes(
    heads: Heads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may send them, with a valid token or without; a large one is read all the same."""
    monkeypatch.setattr(heads_module, "_REMEMBERED_BYTES", 3000)
    for i in range(35):
        assert heads.read(head(f"User-Agent: {i}" + "x" * 200)) is not None
        assert 0 < sum(map(len, heads._known)) <= 3000
    large = head("X: " + "y" * 4000)
    assert heads.read(large) is not None
    assert list(heads._known) == [large]


@pytest.mark.parametrize("name", ["x-request-id", "X-Request-ID", "traceparent", "X-B3-SpanId"])
async def test_heads_that_a_proxy_numbers_are_one(heads: Heads, name: str) -> None:
    """Parsed once, whatever the number is."""
    first = heads.read(head(f"{name}: 0f8fad5b-d9cb-469f-a165-70867728950e", "Accept: */*"))
    second = heads.read(head(f"{name}: 7c9e6679-7425-40de-944b-e07fc1f90ae7", "Accept: */*"))

    assert first is not None
    assert second is first
    assert heads.read(head(f"{name}: 7c9e6679", "Accept: text/plain")) is not first


@pytest.mark.parametrize("number", ["a\x00b", "a\rb", "a\n b", "\x7f"])
async def test_a_number_that_is_none_is_the_parsers_to_judge(heads: Heads, number: str) -> None:
    """After a sound one as before it."""
    assert heads.read(head("X-Request-ID: 1")) is not None
    assert heads.read(head(f"X-Request-ID: {number}")) is None


async def test_a_number_in_the_target_is_no_header(heads: Heads) -> None:
    assert heads.read(head("X-Request-ID: 1")) is not None
    assert heads.read(head("X-Request-ID: 1", target="/x-request-id:")) is None
