"""The harness itself: what it takes away is away, what it brings back has its data."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from outages import Stack, a_stack

START = 1_767_225_600.0


def send(stack: Stack, second: int) -> int:
    sample = {"metric": "m", "labels": {"a": "b"}, "value": second, "timestamp": START + second}
    body = json.dumps(sample).encode()
    try:
        with urllib.request.urlopen(f"{stack.url}/api/v1/ingest", body, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.mark.redis
def test_redis_comes_back_with_its_data_and_the_pod_on_its_port(tmp_path: Path) -> None:
    with a_stack(tmp_path) as stack:
        assert send(stack, 1) == 200
        with stack.without_redis():
            assert send(stack, 2) == 503
        assert send(stack, 2) == 200
        stack.pod.kill()
        assert send(stack, 3) == 0
        stack.pod.start()
        assert send(stack, 3) == 200
        assert send(stack, 3) == 200
        assert stack.pod.metric("samples_duplicate_total") == 1
        stack.restart_pod()
        assert stack.totals().samples == 3
        held = stack.samples("m", a="b")
        assert held == {(START + second) * 1000: float(second) for second in (1, 2, 3)}
        assert stack.samples("m", a="c") == {}
