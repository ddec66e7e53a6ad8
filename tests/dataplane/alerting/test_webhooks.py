"""Whole pods and real receivers: every notice arrives, signed, or is kept as a dead letter."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from anomaly_dataplane.alerting.delivery.webhook import signature
from anomaly_dataplane.store.keys import Keys
from erring_device import Device
from outages import PodProcess, Stack, a_stack
from polling import eventually
from samples import ZSCORE
from webhooks import Hook, webhook

DETECTION = {**ZSCORE, "holdOffSamples": 0, "repeatAfterSamples": 0}
ALERTING = {"coolDown": "1s", "resolveAfter": "3s", "retryFor": "10m", "group": {"by": ""}}
SECRET = "whsec_" + base64.b64encode(b"a secret of the user's").decode()


def running(folder: Path, url: str, **alerting: object) -> Iterator[Stack]:
    secrets = folder / "secrets"
    (secrets / "on-call").mkdir(parents=True)
    (secrets / "on-call" / "secret").write_text(SECRET + "\n")
    hook = {"name": "on-call", "url": url, "secretRef": {"name": "alarm-hook"}}
    with a_stack(
        folder,
        {"ANOMALY_WEBHOOK_SECRET_DIR": str(secrets)},
        detection=DETECTION,
        alerting={**ALERTING, "webhooks": [hook], **alerting},
        redis={"partitions": 2},
    ) as stack:
        yield stack


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as receiver:
        yield receiver


@pytest.fixture
def stack(tmp_path: Path, hook: Hook) -> Iterator[Stack]:
    yield from running(tmp_path, hook.url)


def deliveries(stack: Stack, result: str) -> float:
    return stack.pod.metric("alert_deliveries_total", receiver="webhook/on-call", result=result)


@pytest.mark.redis
def test_an_alert_is_opened_updated_and_resolved(tmp_path: Path, hook: Hook) -> None:
    """By one notice each, with all that one needs to know."""
    # Time enough for a busy machine to send the second anomaly before the alert is over.
    for stack in running(tmp_path, hook.url, resolveAfter="8s"):
        opened_updated_and_resolved(stack, hook)


def opened_updated_and_resolved(stack: Stack, hook: Hook) -> None:
    device = Device(lambda: stack.url, "temperature")
    device.warm_up()
    device.send(99)
    eventually("it is opened", lambda: hook.bodies("Opened"))
    device.send(99)
    eventually("it is updated", lambda: hook.bodies("Updated"))
    eventually("it is resolved", lambda: hook.bodies("Resolved"))

    opened, updated, resolved = hook.bodies()
    assert [body["event"] for body in (opened, updated, resolved)] == [
        "Opened",
        "Updated",
        "Resolved",
    ]
    assert len({body["alert"]["id"] for body in hook.bodies()}) == 1
    assert opened["version"] == "anomalypipeline.io/notice/v1"
    assert opened["pipeline"] == {"namespace": "tests", "name": "outages"}
    assert opened["alert"]["labels"]["device"] == "boiler-1"
    assert opened["anomaly"]["value"] == 99
    assert "temperature" in opened["summary"]
    assert opened["link"] is None  # nobody knows where people reach this pod
    assert updated["alert"]["anomalies"] == 2
    assert resolved["alert"]["state"] == "Resolved"
    assert resolved["alert"]["ending"] == "Timeout"
    eventually("all are counted", lambda: deliveries(stack, "delivered") == 3)


@pytest.mark.redis
def test_what_is_sent_can_be_checked_by_who_knows_the_secret(stack: Stack, hook: Hook) -> None:
    """As the Standard Webhooks specification says, so that ready-made libraries do it."""
    before = int(time.time())
    device = Device(lambda: stack.url, "temperature")
    device.warm_up()
    device.send(99)
    eventually("it is opened", lambda: hook.posts)

    headers, body = hook.posts[0]
    stamp = headers["webhook-timestamp"]
    assert before <= int(stamp) <= time.time()
    assert headers["webhook-id"] == json.loads(body)["id"]
    signed = f"{headers['webhook-id']}.{stamp}.".encode() + body
    digest = hmac.new(b"a secret of the user's", signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def test_the_documentation_checks_signatures_as_they_are_made() -> None:
    """Its code as it stands there, with a secret that is text and one that is base64."""
    text = (Path(__file__).parents[3] / "docs" / "alerting.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    defined: dict[str, Any] = {}
    exec(code, defined)
    for secret, key in (("plain words", b"plain words"), (SECRET, b"a secret of the user's")):
        stamp, body = str(int(time.time())), b'{"a": 1}'
        headers = {"webhook-id": "i", "webhook-timestamp": stamp}
        headers["webhook-signature"] = signature(key, "i", stamp, body)
        assert defined["is_genuine"](secret, headers, body)
        assert not defined["is_genuine"](secret, headers, body + b" ")
        assert not defined["is_genuine"]("another", headers, body)
        assert not defined["is_genuine"](secret, {**headers, "webhook-timestamp": "1"}, body)


def test_a_signature_is_the_one_of_the_specifications_example() -> None:
    """Its libraries are tested with the same."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.redis
def test_a_receiver_that_is_away_gets_everything_later(stack: Stack, hook: Hook) -> None:
    """In order."""
    hook.status = 503
    hook.headers = {"Retry-After": "1"}
    device = Device(lambda: stack.url, "temperature")
    device.warm_up()
    device.send(99)
    eventually("it was tried", lambda: deliveries(stack, "failed") >= 2)
    device.send(10)
    hook.status = 204
    eventually("it is resolved", lambda: hook.bodies("Resolved"))
    assert [body["event"] for body in hook.bodies()] == ["Opened", "Resolved"]
    assert deliveries(stack, "dead") == 0


@pytest.mark.redis
@pytest.mark.parametrize(("status", "again"), [(400, False), (500, True)])
def test_what_is_refused_becomes_a_dead_letter(
    tmp_path: Path, hook: Hook, status: int, again: bool
) -> None:
    """At once if it never will be taken, after retryFor if it might have been; it is kept."""
    for stack in running(tmp_path, hook.url, retryFor="3s"):
        hook.status = status
        device = Device(lambda stack=stack: stack.url, "temperature")  # type: ignore[misc]
        device.warm_up()
        device.send(99)
        eventually("dead", lambda s=stack: deliveries(s, "dead") >= 1)  # type: ignore[misc]
        assert again or not deliveries(stack, "failed")
        keys = Keys("outages", 2)
        with redis.Redis(port=stack.redis.port) as client:
            found = [client.xrange(keys.dead_letters(p)) for p in range(2)]
        letter = json.loads(next(entry for entries in found for entry in entries)[1][b"letter"])
        assert letter["receiver"] == "on-call"
        assert letter["reason"].startswith(str(status))
        assert letter["notice"]["what"] == "Opened"


@pytest.mark.redis
def test_pods_that_are_killed_lose_no_notice_and_invent_none(
    stack: Stack, hook: Hook, tmp_path: Path
) -> None:
    """Two pods, killed at any moment: an episode is one alert, opened once and resolved once."""
    other = PodProcess(stack.pod.document, tmp_path / "other.log", stack.pod.environ)
    other.start()
    pods = [stack.pod, other]
    devices = [Device(lambda i=i: pods[i % 2].url, f"m{i}") for i in range(8)]  # type: ignore[misc]
    try:
        for device in devices:
            device.warm_up()
        for i, device in enumerate(devices):
            device.send(99)
            time.sleep(0.11 * i)
            victim = pods[i % 2]
            victim.kill()
            victim.start()
        done = lambda: len(hook.bodies("Resolved")) >= len(devices)  # noqa: E731
        eventually("all are resolved", done)
    finally:
        if other.process is not None:
            other.kill()
    told = Counter((body["alert"]["metric"], body["event"]) for body in hook.bodies())
    assert told == {(f"m{i}", what): 1 for i in range(8) for what in ("Opened", "Resolved")}
    assert len({body["alert"]["id"] for body in hook.bodies()}) == len(devices)
