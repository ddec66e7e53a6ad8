"""What is no HTTP is refused whole: two servers must never disagree about where a request ends."""

from __future__ import annotations

import pytest

from raw_http import request, wire
from running_pod import RunningPod

SAMPLE = b'{"metric":"m","value":1}'
LENGTH = "Content-Length: 24"


def raw(*headers: str, line: str = "POST /api/v1/ingest HTTP/1.1", body: bytes = SAMPLE) -> bytes:
    """A request to the letter, with a Host."""
    return "\r\n".join([line, "Host: pod", *headers, "", ""]).encode("latin-1") + body


CHUNK = b"18\r\n" + SAMPLE + b"\r\n0\r\n\r\n"
REFUSED = {
    "Content-Length beside chunks": raw(LENGTH, "Transfer-Encoding: chunked", body=CHUNK),
    "chunks beside Content-Length": raw("Transfer-Encoding: chunked", LENGTH, body=CHUNK),
    "two Content-Lengths": raw(LENGTH, LENGTH),
    "two Content-Lengths that differ": raw(LENGTH, "Content-Length: 5"),
    "two Content-Lengths in one": raw("Content-Length: 24, 24"),
    "a negative Content-Length": raw("Content-Length: -24"),
    "a Content-Length with a sign": raw("Content-Length: +24"),
    "a hexadecimal Content-Length": raw("Content-Length: 0x18"),
    "a Content-Length of letters": raw("Content-Length: abc"),
    "a Content-Length of other digits": raw("Content-Length: \xb2\xb4"),
    "a Content-Length in two words": raw("Content-Length: 2 4"),
    "a Content-Length with a fraction": raw("Content-Length: 24.0"),
    "an empty Content-Length": raw("Content-Length:"),
    "an endless Content-Length": raw("Content-Length: 99999999999999999999999"),
    "a space before the colon": raw("Content-Length : 24"),
    "two chunked codings": raw("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    "a coding that ends nowhere": raw("Transfer-Encoding: gzip"),
    "chunked that is not last": raw("Transfer-Encoding: chunked, gzip", body=CHUNK),
    "no coding at all": raw("Transfer-Encoding: identity"),
    "a size that is no number": raw("Transfer-Encoding: chunked", body=b"zz\r\n" + SAMPLE),
    "a negative size": raw("Transfer-Encoding: chunked", body=b"-18\r\n" + SAMPLE),
    "a chunk that is longer than it says": raw("Transfer-Encoding: chunked", body=b"2\r\n{}x\r\n"),
    "no Host": b"POST /api/v1/ingest HTTP/1.1\r\n" + LENGTH.encode() + b"\r\n\r\n" + SAMPLE,
    "two Hosts": raw("Host: other", LENGTH),
    "two Content-Types": raw("Content-Type: a/b", "Content-Type: c/d", LENGTH),
    "a folded header": raw("X-A: b\r\n c", LENGTH),
    "a folded Content-Length": raw("Content-Length:\r\n 24"),
    "a space before the first header": raw(LENGTH).replace(b"\r\nHost", b"\r\n Host"),
    "lines that end with LF": raw(LENGTH).replace(b"\r\n", b"\n"),
    "one line that ends with LF": raw("X: y\nX-Z: z", LENGTH),
    "a bare CR": raw("X: a\rb", LENGTH),
    "a request line that ends with LF": raw(LENGTH).replace(b"1.1\r\n", b"1.1\n"),
    "an empty line that ends with LF": raw(LENGTH).replace(b"\r\n\r\n", b"\r\n\n"),
    "a NUL in a value": raw("X: a\0b", LENGTH),
    "a NUL in a name": raw("X\0: ab", LENGTH),
    "a NUL in the target": raw(LENGTH, line="POST /api\0/v1/ingest HTTP/1.1"),
    "a control character": raw("X: a\x01b", LENGTH),
    "a space in a name": raw("X Y: ab", LENGTH),
    "a bracket in a name": raw("X(: ab", LENGTH),
    "letters beyond ASCII in a name": raw("X\xc3: ab", LENGTH),
    "an empty name": raw(": ab", LENGTH),
    "no colon": raw("XY", LENGTH),
    "a space before the method": b" " + request(),
    "tabs in the request line": raw(LENGTH, line="POST\t/api/v1/ingest\tHTTP/1.1"),
    "a space after the version": raw(LENGTH, line="POST /api/v1/ingest HTTP/1.1 "),
    "a space in the target": raw(LENGTH, line="POST /api/v1/ing est HTTP/1.1"),
    "HTTP/1.2": request(version="1.2"),
    "HTTP/11": request(version="11"),
    "http in small letters": raw(LENGTH, line="POST /api/v1/ingest http/1.1"),
    "post in small letters": raw(LENGTH, line="post /api/v1/ingest HTTP/1.1"),
    "a method that nobody knows": request("BREW"),
    "a target without a host": request("POST", "http:///api/v1/ingest"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
async def test_a_broken_request_is_refused_and_nothing_after_it_is_read(
    pod: RunningPod, text: bytes
) -> None:
    """Nor are its own samples taken: what follows might be part of it, or might not."""
    async with wire(pod.ports.http_port) as opened:
        answer = await opened.ask(text + request())
        assert answer.status == 400
        assert answer.error.startswith("this is not HTTP as it should be: ")
        assert await opened.closed()
    assert await pod.accepted() == 0
    assert 'requests_rejected_total{code="400"} 1' in (await pod.admin("/metrics")).text


async def test_what_is_said_and_logged_of_a_broken_request_is_short(
    pod: RunningPod, caplog: pytest.LogCaptureFixture
) -> None:
    """However long it was; nobody can fill the log, nor get back more than was sent."""
    caplog.set_level("INFO")
    for text in (b"\0" * 200_000, raw("X: " + "\x01" * 8000), raw("Y: " + "y" * 9000)):
        caplog.clear()
        async with wire(pod.ports.http_port) as opened:
            answer = await opened.ask(text)
            assert answer.status == 400
            assert len(answer.body) < 300
        assert len(caplog.text) < 300
        assert "Traceback" not in caplog.text


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
async def test_a_broken_request_on_a_kept_connection_ends_it(pod: RunningPod, text: bytes) -> None:
    """The good ones before it have had their answers."""
    async with wire(pod.ports.http_port) as opened:
        statuses = [(await opened.ask(part)).status for part in (request(), request(), text)]
        assert statuses == [200, 200, 400]
        assert await opened.closed()
    assert await pod.accepted() == 2


TAKEN = {
    "an empty line before": b"\r\n" + request(),
    "zeros before the Content-Length": raw("Content-Length: 00024"),
    "spaces around the Content-Length": raw("Content-Length: \t 24 \t"),
    "no space after the colon": raw("Content-Length:24"),
    "names of any case": raw("cOnTeNt-LeNgTh: 24"),
    "letters beyond ASCII in a value": raw("X: \xe9", LENGTH),
    "an empty value": raw("X:", LENGTH),
    "a header twice": raw("X: a", "X: b", LENGTH),
    "a hundred headers": raw(*(f"X-{i}: y" for i in range(100)), LENGTH),
    "8000 characters in one": raw("X: " + "y" * 8000, LENGTH),
    "30 kB of headers": raw(*(f"X-{i}: {'y' * 1000}" for i in range(30)), LENGTH),
    "an upgrade to HTTP/2 offered": raw("Connection: Upgrade", "Upgrade: h2c", LENGTH),
    "chunked in capitals": raw("Transfer-Encoding: CHUNKED", body=CHUNK),
    "a proxy's headers": raw(
        "X-Request-ID: 5f3c0a91", "X-Forwarded-For: 10.0.0.1", "Forwarded: for=a", "Via: x", LENGTH
    ),
}


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN.keys())
async def test_what_is_odd_but_clear_is_taken(pod: RunningPod, text: bytes) -> None:
    """And so is the request behind it."""
    async with wire(pod.ports.http_port) as opened:
        # Not in one packet: behind an offered upgrade aiohttp loses what comes in the same one.
        assert [(await opened.ask(part)).status for part in (text, request())] == [200, 200]
    assert await pod.accepted() == 2
