"""Answers as bytes. That they are aiohttp's is shown in `../http/test_equality.py`."""

from __future__ import annotations

import pytest
from aiohttp.http import SERVER_SOFTWARE

from anomaly_dataplane.ingest.reply import JSON_HEADERS, Reply, error_reply
from anomaly_dataplane.ingest.responses import Responses


def test_the_date_is_that_of_the_second() -> None:
    """Made once a second, in the format of HTTP."""
    now = 784_111_777.9
    responses = Responses(lambda: now)
    reply = Reply(200, b"{}", JSON_HEADERS)
    first = responses.encode(reply, close=False)
    assert first == (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: %b\r\n\r\n{}" % SERVER_SOFTWARE.encode()
    )
    now += 0.1
    assert b"08:49:38 GMT" in responses.encode(reply, close=False)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(200, b"OK"), (400, b"Bad Request"), (413, b"Request Entity Too Large"), (503, b"Service")],
)
def test_a_last_answer_says_so(status: int, reason: bytes) -> None:
    """With the headers that its reply has."""
    reply = error_reply(status, "no", {**JSON_HEADERS, "Retry-After": "1"})
    head, _, body = Responses().encode(reply, close=True).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0].startswith(b"HTTP/1.1 %d %b" % (status, reason))
    assert lines[1:4] == [
        b"Content-Type: application/json",
        b"Retry-After: 1",
        b"Content-Length: 14",
    ]
    assert lines[-1] == b"Connection: close"
    assert body == b'{"error":"no"}'
