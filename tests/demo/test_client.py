"""The demo's sender against a real socket: retries like a device, gives up with a reason."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from demo.client import Client
from demo.errors import DemoError
from demo.processes import free_port
from demo.sample import Sample

SAMPLE = Sample("temperature", "boiler-1", 1767225600.0, 71.3)
TAKEN = {"accepted": 1, "verdicts": [{"status": "warming", "n": 0}]}


@contextmanager
def pod(*answers: tuple[int, object]) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A server that gives these answers in turn; yields its URL and the requests it gets."""
    left, seen = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, body))
            status, answer = left.pop(0)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            if status == 503:
                self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/demo/boiler-room", seen
        finally:
            server.shutdown()
            thread.join()


def test_samples_go_to_the_pipelines_path_and_verdicts_come_back() -> None:
    """The prefix of the route stays in front, whichever target it is."""
    with pod((200, TAKEN)) as (url, seen), closing(Client(url)) as client:
        assert client.send([SAMPLE]) == TAKEN["verdicts"]

    ((path, body),) = seen
    assert path == "/demo/boiler-room/api/v1/ingest?verdicts=true"
    assert json.loads(body) == [SAMPLE.as_json()]


def test_a_busy_pipeline_gets_the_same_request_again() -> None:
    """503 means later; the repeat is counted."""
    busy = (503, {"error": "the buffer is full"})
    with pod(busy, busy, (200, TAKEN)) as (url, seen), closing(Client(url)) as client:
        client.send([SAMPLE])

        assert client.retries == 2
    assert len({body for _, body in seen}) == 1


def test_a_refusal_for_good_is_told_with_its_reason() -> None:
    """4xx is not repeated."""
    refusal = (400, {"error": "value must be a number"})
    with (
        pod(refusal) as (url, _),
        closing(Client(url)) as client,
        pytest.raises(DemoError, match=r"400 .*value must be a number"),
    ):
        client.send([SAMPLE])


def test_a_pipeline_that_is_not_there_ends_in_words() -> None:
    """Nobody listens: after some patience the demo says where it knocked."""
    url = f"http://127.0.0.1:{free_port()}"
    with (
        closing(Client(url, patience_seconds=0.3)) as client,
        pytest.raises(DemoError, match=r"127\.0\.0\.1.*ConnectionRefusedError"),
    ):
        client.send([SAMPLE])
