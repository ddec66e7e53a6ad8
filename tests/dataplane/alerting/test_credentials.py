"""Real receivers that want TLS and credentials, and Secrets that are mended while a pod runs."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from alertmanager import alertmanager
from anomaly_dataplane.alerting.delivery.credentials import (
    BadSecret,
    Credentials,
)
from certificates import authority
from erring_device import Device
from outages import a_stack
from polling import eventually
from samples import ZSCORE
from webhooks import webhook

PASSWORD = "pass word"  # of this test's Alertmanager
WEB = """\
tls_server_config: {{cert_file: {folder}/tls.crt, key_file: {folder}/tls.key}}
basic_auth_users: {{pipeline: "$2b$04$AtpDz8cQtPVGipAeJZCcbebywyzLSjPM/5H4sbcHO5yuvXeZs42cy"}}
"""


@pytest.mark.redis
def test_an_alertmanager_is_told_once_the_secret_is_right(tmp_path: Path) -> None:
    """Missing, then with a wrong password, then right: the log tells, and nothing is lost."""
    ours, server = authority("the CA of Alertmanager"), tmp_path / "server"
    server.mkdir()
    ours.secret(server)
    secret = tmp_path / "secret"
    login = "Basic " + b64encode(f"pipeline:{PASSWORD}".encode()).decode()
    web, ca = WEB.format(folder=server), str(server / "ca.crt")
    with alertmanager(tmp_path, web=web, ca=ca, login=login) as peer:
        told = {"urls": [peer.url], "secretRef": {"name": "alertmanager"}}
        quick = {"group": {"by": ""}, "alertmanager": told}
        environ = {"ANOMALY_ALERTMANAGER_SECRET_DIR": str(secret)}
        detection = {**ZSCORE, "holdOffSamples": 0, "repeatAfterSamples": 0}
        with a_stack(tmp_path, environ, detection=detection, alerting=quick) as stack:
            device = Device(lambda: stack.url, "temperature")
            device.warm_up()
            device.send(99)
            eventually("it says so", lambda: "or is missing" in stack.pod.said())
            assert stack.pod.metric("alert_deliveries_total", result="failed") >= 1
            secret.mkdir()
            (secret / "username").write_text("pipeline")
            (secret / "password").write_text("wrong")
            (secret / "ca.crt").write_text(Path(ca).read_text())
            failed = stack.pod.metric("alert_deliveries_total", result="failed")
            name = "alert_deliveries_total"
            eventually("it is refused", lambda: stack.pod.metric(name, result="failed") > failed)
            assert peer.alerts() == []
            assert stack.pod.metric(name, result="dead") == 0
            (secret / "password").write_text(f"{PASSWORD}\n")
            (alert,) = eventually("it hears of it", peer.alerts)
            assert alert["labels"]["metric"] == "temperature"


@pytest.mark.redis
def test_a_webhook_is_told_once_its_secret_is_right(tmp_path: Path) -> None:
    """The same way: missing, of a CA that it does not know, with a wrong token, then right."""
    ours, foreign = authority("the CA of a webhook"), authority("another CA")
    server = ours.secret(tmp_path / "server")
    secret = tmp_path / "secrets" / "on-call"
    with webhook(token="t0ken", tls=server) as hook:
        receiver = {"name": "on-call", "url": hook.url, "secretRef": {"name": "on-call"}}
        quick = {"group": {"by": ""}, "webhooks": [receiver]}
        environ = {"ANOMALY_WEBHOOK_SECRET_DIR": str(secret.parent)}
        detection = {**ZSCORE, "holdOffSamples": 0, "repeatAfterSamples": 0}
        with a_stack(tmp_path, environ, detection=detection, alerting=quick) as stack:

            def failed() -> float:
                return stack.pod.metric("alert_deliveries_total", result="failed")

            device = Device(lambda: stack.url, "temperature")
            device.warm_up()
            device.send(99)
            eventually("it says so", lambda: "or is missing" in stack.pod.said())
            foreign.write_ca(secret)
            (secret / "token").write_text("wrong")
            # While it fails the pauses get longer: the log has the first reason only.
            tried = failed()
            eventually("another CA will not do", lambda: failed() > tried)
            ours.write_ca(secret)
            tried = failed()
            eventually("nor will another token", lambda: failed() > tried)
            assert hook.posts == []
            (secret / "token").write_text("t0ken\n")
            (secret / "secret").write_text("our secret")
            eventually("it hears of it", lambda: hook.bodies("Opened"))
            headers, _ = hook.posts[0]
            assert headers["webhook-signature"].startswith("v1,")
            assert stack.pod.metric("alert_deliveries_total", result="dead") == 0


@pytest.mark.redis
def test_any_certificate_will_do_where_that_is_asked_for(tmp_path: Path) -> None:
    """Without a Secret, and then without a signature."""
    server = authority("nobody's CA").secret(tmp_path / "server")
    with webhook(tls=server) as hook:
        receiver = {"name": "h", "url": hook.url, "tls": {"insecureSkipVerify": True}}
        quick = {"group": {"by": ""}, "webhooks": [receiver]}
        detection = {**ZSCORE, "holdOffSamples": 0, "repeatAfterSamples": 0}
        with a_stack(tmp_path, detection=detection, alerting=quick) as stack:
            device = Device(lambda: stack.url, "temperature")
            device.warm_up()
            device.send(99)
            eventually("it hears of it", lambda: hook.bodies("Opened"))
            assert "webhook-signature" not in hook.posts[0][0]


def write(folder: Path, **keys: str) -> Path:
    for key, value in keys.items():
        (folder / key.replace("_", ".")).write_text(value)
    return folder


def test_a_token_comes_before_a_login(tmp_path: Path) -> None:
    """And any certificate is taken only where that is asked for."""
    folder = write(tmp_path, token="t0ken\n", username="me", password="p")
    access = Credentials(folder, insecure=True).read()
    assert access.headers == {"Authorization": "Bearer t0ken"}
    assert access.tls is False
    assert Credentials(None, insecure=False).read().tls is True


@pytest.mark.parametrize("keys", [{}, {"password": "p"}, {"token": " "}, {"ca_crt": "no PEM"}])
def test_a_secret_that_says_nothing_is_told(tmp_path: Path, keys: dict[str, str]) -> None:
    """Rather than to go on without."""
    with pytest.raises(BadSecret):
        Credentials(write(tmp_path, **keys), insecure=False).read()


@pytest.mark.parametrize(
    ("text", "key"), [("plain words\n", b"plain words"), ("whsec_AAEC", b"\0\1\2"), (" \n", None)]
)
def test_a_signing_key_is_text_or_base64(tmp_path: Path, text: str, key: bytes | None) -> None:
    """The latter after the specification's prefix; Alertmanagers are not sent signatures."""
    folder = write(tmp_path, token="t", secret=text)
    assert Credentials(folder, insecure=False, signs=True).read().signing_key == key
    assert Credentials(folder, insecure=False).read().signing_key is None


@pytest.mark.parametrize("keys", [{}, {"secret": " \n"}, {"secret": "whsec_?"}])
def test_nothing_is_sent_unsigned_because_the_secret_is_none(
    tmp_path: Path, keys: dict[str, str]
) -> None:
    """It is told instead."""
    with pytest.raises(BadSecret):
        Credentials(write(tmp_path, **keys), insecure=False, signs=True).read()
