"""A pod at the level debug: whatever goes well or wrong, no Secret's value is in its log."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from anomaly_dataplane.contract import runtime
from erring_device import Device
from outages import PodProcess
from polling import eventually
from redis_server import PASSWORD, redis_server
from samples import ZSCORE
from webhooks import webhook

WRONG = "the-password-of-yesterday"
SENDERS = "a-token-of-a-sender"
SIGNING = "whsec_" + base64.b64encode(b"what the notices are signed with").decode()
RECEIVERS = "a-token-of-a-receiver"
STRANGERS = "a-token-of-nobody"


def secrets(folder: Path) -> dict[str, str]:
    """Every Secret that a pod can have, as Kubernetes mounts them."""
    files = {
        runtime.ENV_REDIS_SECRET_DIR: {"redis/password": WRONG},
        runtime.ENV_TOKEN_SECRET_DIR: {"tokens/senders": SENDERS},
        runtime.ENV_WEBHOOK_SECRET_DIR: {
            "hooks/on-call/secret": SIGNING,
            "hooks/on-call/token": RECEIVERS,
        },
    }
    for texts in files.values():
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    return {
        variable: str(folder / next(iter(texts)).partition("/")[0])
        for variable, texts in files.items()
    }


def status_of(url: str, body: bytes, token: str = "") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, body, headers), timeout=150
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def is_refused(pod: PodProcess) -> bool:
    """By Redis; once the pod answers at all."""
    assert pod.process is not None
    if pod.process.poll() is not None:
        raise RuntimeError(pod.said())
    try:
        return pod.metric("redis_errors_total") > 0
    except OSError:
        return False


@pytest.mark.redis
def test_no_secret_is_ever_logged(tmp_path: Path) -> None:
    """Redis refuses it at first, strangers knock, the receiver does not let it in, then it does."""
    environ = {**secrets(tmp_path), runtime.ENV_LOG_LEVEL: "debug"}
    with redis_server("--requirepass", PASSWORD) as redis, webhook(token="another") as hook:
        document = tmp_path / "pipeline.json"
        hooks = [{"name": "on-call", "url": hook.url, "secretRef": {"name": "on-call"}}]
        config = {
            "pipeline": {"namespace": "tests", "name": "boiler", "uid": "u"},
            "redis": {"mode": "Standalone", "urls": [redis.url]},
            "ingest": {"auth": {"tokenSecretRef": {"name": "tokens"}}},
            "detection": {**ZSCORE, "holdOffSamples": 0},
            "alerting": {"webhooks": hooks, "group": {"by": ""}},
        }
        document.write_text(json.dumps(config))
        pod = PodProcess(document, tmp_path / "pod.log", environ)
        pod.start(ready=False)
        try:
            eventually("Redis refuses it", partial(is_refused, pod))
            (tmp_path / "redis" / "password").write_text(PASSWORD)
            device = Device(
                lambda: pod.url, "temperature", headers={"Authorization": f"Bearer {SENDERS}"}
            )
            device.warm_up()
            device.send(99)
            refused = {"receiver": "webhook/on-call", "result": "failed"}
            eventually(
                "the receiver refuses it", lambda: pod.metric("alert_deliveries_total", **refused)
            )
            hook.token = RECEIVERS
            eventually("it is delivered", lambda: hook.posts)
            path = f"{pod.url}/api/v1/ingest"
            assert status_of(path, b"{}", STRANGERS) == 401
            assert status_of(path, b"not JSON", SENDERS) == 400
            assert status_of(f"{pod.url}/write?u=x&p={SENDERS}", b"m v=1") < 300
            assert status_of(f"{pod.url}/write?u=x&p={STRANGERS}", b"m v=1") == 401
        finally:
            pod.terminate()
    said = pod.said()

    assert said
    for secret in (WRONG, SENDERS, SIGNING, RECEIVERS, STRANGERS, PASSWORD):
        for form in (secret, base64.b64encode(secret.encode()).decode()):
            assert form not in said
