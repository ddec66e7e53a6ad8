"""Pods that speak TLS to nobody do without OpenSSL, and no others do."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from anomaly_dataplane import openssl
from anomaly_dataplane.contract.config import parse
from anomaly_dataplane.contract.runtime import ENV_REDIS_SECRET_DIR
from certificates import authority
from polling import eventually
from redis_server import free_port, redis_server


@pytest.mark.parametrize(
    ("document", "needed"),
    [
        ({}, False),
        ({"redis": {"urls": ["redis:6379"]}, "ingest": {"protocols": ["OTLP"]}}, False),
        ({"redis": {"urls": ["redis:6379"], "tls": {"enabled": True}}}, True),
        (
            {"redis": {"mode": "Sentinel", "urls": ["s:26379"], "sentinelMaster": "m"}},
            True,
        ),
        ({"redis": {"mode": "Cluster", "urls": ["a:6379"]}}, True),
        ({"ingest": {"mqtt": {"broker": "broker:1883", "topics": ["t"]}}}, True),
        ({"alerting": {"alertmanager": {"urls": ["http://alertmanager:9093"]}}}, True),
        ({"alerting": {"webhooks": [{"name": "a", "url": "https://a.example"}]}}, True),
    ],
)
def test_it_is_needed_where_something_might_speak_tls(
    document: dict[str, object], needed: bool
) -> None:
    """What is known at the start decides: none of it changes in a running pod."""
    assert openssl.is_needed(parse(document)) is needed


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_without_it_hashes_and_the_event_loop_are_those_of_ever() -> None:
    """Series keep their ids; TLS is an error that says so, and never silently no TLS."""
    code = """
from anomaly_dataplane import openssl
print(openssl.leave_out())
import asyncio, hashlib, uvloop
from aiohttp import web
print(hashlib.sha256(b"a").hexdigest()[:8], hashlib.blake2b(b"a", digest_size=4).hexdigest())
async def main():
    print(type(asyncio.get_running_loop()).__module__)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for secured in (None, True):
        try:
            await loop.create_connection(asyncio.Protocol, "127.0.0.1", port, ssl=secured)
            print("connected")
        except Exception as error:
            print("failed:", type(error).__name__)
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
try: import ssl
except ImportError: print("no ssl")
"""
    left_out, hashes, loop, plain, secured, missing = run(code).splitlines()
    assert left_out == "True"
    sha, blake = (
        hashlib.sha256(b"a").hexdigest(),
        hashlib.blake2b(b"a", digest_size=4).hexdigest(),
    )
    assert hashes == f"{sha[:8]} {blake}"
    assert (loop, plain, missing) == ("uvloop", "connected", "no ssl")
    assert secured.startswith("failed: ")


def test_what_is_there_already_stays() -> None:
    """A process that has it, such as one that tests run in, is left as it is."""
    assert run(
        "import ssl\nfrom anomaly_dataplane import openssl\nprint(openssl.leave_out())\n"
        "import sys\nprint(sys.modules['ssl'] is ssl, '_ssl' in sys.modules)\n"
    ).split() == ["False", "True", "True"]


@pytest.mark.redis
def test_a_pod_whose_redis_speaks_tls_has_it(tmp_path: Path) -> None:
    """A real process and a real Redis that speaks nothing else: ready, and samples are taken."""
    secret = authority("redis").secret(tmp_path / "secret")
    with redis_server(tls=secret) as server:
        path = tmp_path / "pipeline.json"
        urls = [f"127.0.0.1:{server.port}"]
        path.write_text(json.dumps({"redis": {"urls": urls, "tls": {"enabled": True}}}))
        port, admin_port = free_port(), free_port()
        command = [sys.executable, "-m", "anomaly_dataplane", "run", "--config", str(path)]
        command += ["--bind", "127.0.0.1", "--http-port", str(port)]
        command += ["--admin-port", str(admin_port)]
        environ = {**os.environ, ENV_REDIS_SECRET_DIR: str(secret), "ANOMALY_DRAIN_SECONDS": "0"}
        with subprocess.Popen(command, env=environ) as process:
            try:
                eventually("the pod is ready", lambda: _ready(admin_port))
                url = f"http://127.0.0.1:{port}/api/v1/ingest"
                with urllib.request.urlopen(url, b'{"metric":"m","value":1}') as answer:
                    assert json.load(answer)["accepted"] == 1
            finally:
                process.send_signal(signal.SIGTERM)
            assert process.wait(150) == 0


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
