"""Requests that Schemathesis makes up of the description get answers that it describes."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from anomaly_dataplane.contract.config import IngestProtocol
from running_pod import running_pod
from samples import ZSCORE, a_config

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
# Streams never end, and it cannot make up remote write's compressed messages.
LEFT_OUT = "^/api/v1/(stream|write|push)$"


async def test_made_up_requests_are_answered_as_described(tmp_path: Path) -> None:
    """A few of each operation, the same ones each time."""
    protocols = [protocol.value for protocol in IngestProtocol]
    async with running_pod(a_config(detection=ZSCORE, ingest={"protocols": protocols})) as pod:
        url = f"http://127.0.0.1:{pod.ports.http_port}/openapi.json"
        options = ["--checks", ",".join(CHECKS), "--exclude-path-regex", LEFT_OUT, "--no-color"]
        options += ["--phases", "fuzzing", "--max-examples", "8", "--seed", "1"]
        command = Path(sys.executable).with_name("schemathesis")
        process = await asyncio.create_subprocess_exec(
            command,
            "run",
            url,
            *options,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await process.communicate()
        assert process.returncode == 0, told.decode()
        assert b"generated" in told
