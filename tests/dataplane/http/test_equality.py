"""The front is not to be told from the routes: same bytes, same counts, however packets are cut."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly_dataplane.contract.runtime import PATH_INGEST
from http_pods import run_pod
from raw_http import request, wire

START = 1_767_225_600
NOW = re.compile(rb"(?<=\r\nDate: )[^\r]+|(?<=\"last_sample_time\":)[^,]+")
ENDS = request("POST", PATH_INGEST, b'{"metric":"end","value":1}', "Connection: close")


def sample(at: int, value: str = "1") -> bytes:
    return b'{"metric":"m","value":%b,"timestamp":%d}' % (value.encode(), START + at)


def chunked(body: bytes) -> bytes:
    head = b"POST /api/v1/ingest HTTP/1.1\r\nHost: pod\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"


bodies = st.one_of(
    st.builds(sample, st.integers(0, 50)),
    st.builds(sample, st.just(0), st.sampled_from(["NaN", "1e300", "-5.5", '"x"', "[[[["])),
    st.lists(st.builds(sample, st.integers(0, 50)), max_size=40).map(
        lambda samples: b"[" + b",".join(samples) + b"]"
    ),
    st.lists(st.builds(sample, st.integers(0, 50)), max_size=40).map(b"\n".join),
    st.sampled_from([b"", b" ", b"{}", b"[1]", b"\xff", b"x" * 3000, b"[" * 2000]),
)
targets = st.sampled_from(
    [
        PATH_INGEST,
        PATH_INGEST,
        PATH_INGEST + "?verdicts=true",
        PATH_INGEST + "?strict",
        PATH_INGEST + "?strct",
        "/team/boiler" + PATH_INGEST,
        "/nowhere",
    ]
)
headers = st.sampled_from(
    [
        [],
        ["Content-Type: application/json"],
        ["Content-Type: application/x-ndjson"],
        ["Connection: keep-alive", "Accept: */*"],
        ["X-Request-ID: 1"],
        ["Expect: 100-continue"],
        ["Content-Encoding: br"],
        ["Content-Encoding: gzip"],
    ]
)
plain = st.builds(
    lambda target, body, more: request("POST", target, body, *more), targets, bodies, headers
)
packed = bodies.map(
    lambda body: request("POST", PATH_INGEST, gzip.compress(body), "Content-Encoding: gzip")
)
other = st.sampled_from(
    [
        request("GET", "/api/v1/stats", None),
        request("GET", "/api/v1/anomalies?since=0", None),
        request("GET", PATH_INGEST, None),
        request("PUT"),
    ]
)
one_request = st.one_of(plain, plain, plain, packed, bodies.map(chunked), other)


def cut(text: bytes, places: Sequence[int]) -> list[bytes]:
    """The text in pieces that begin at `places`."""
    edges = sorted({0, len(text), *(place % len(text) for place in places)})
    return [text[start:end] for start, end in pairwise(edges)]


async def answers(packets: Sequence[bytes], *, fast_path: bool) -> tuple[bytes, list[str]]:
    """What a fresh pod answers, but for the time of day, and how it counted that."""
    async with run_pod(fast_path=fast_path)() as pod:
        async with wire(pod.ports.http_port) as opened:
            await opened.send(*packets)
            came = NOW.sub(b"now", await opened.rest())
        metrics = (await pod.admin("/metrics")).text.splitlines()
    counted = re.compile(r"anomaly_pipeline_(samples|requests|outliers|anomalies|ingest.*_count)")
    return came, [line for line in metrics if counted.match(line)]


@settings(max_examples=60)
@given(
    requests=st.lists(one_request, max_size=8),
    places=st.lists(st.integers(0, 20_000), max_size=12),
)
async def test_the_front_answers_as_the_routes_do(requests: list[bytes], places: list[int]) -> None:
    """Byte for byte and count for count, in one packet and in pieces."""
    text = b"".join(requests) + ENDS
    expected = await answers([text], fast_path=False)
    assert expected[0].count(b"HTTP/1.1 ") >= len(requests) + 1
    assert await answers([text], fast_path=True) == expected
    assert await answers(cut(text, places), fast_path=True) == expected
