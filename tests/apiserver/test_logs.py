"""What the operator writes down: which pipeline each line is about, and never a secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from api_server import ApiServer
from fault_proxy import FaultProxy, fault_proxy
from kube import Kubectl, says
from operator_process import operator
from pipelines import RESOURCE, resource
from polling import eventually

CREDENTIAL = "the-operators-own-bearer-token"
TOKEN = "a-token-of-a-sender"
REDIS = "redis.boiler-is-the-word"
SOMEBODYS = "what-somebody-has-put-there"
SECRETS = {
    "senders": {"line-1": TOKEN},
    "login": {"username": "boiler", "password": REDIS},
}
OF_OTHERS: dict[str, Any] = {
    "ingest": {"auth": {"tokenSecretRef": {"name": "senders"}}},
    "redis": {
        "mode": "Standalone",
        "urls": ["redis.example:6379"],
        "secretRef": {"name": "login"},
    },
}


@pytest.fixture
def proxy(server: ApiServer) -> Iterator[FaultProxy]:
    with fault_proxy(server) as found:
        found.tokens = {CREDENTIAL}
        yield found


def test_no_secret_is_ever_logged_and_each_line_names_its_pipeline(
    proxy: FaultProxy, kubectl: Kubectl, tmp_path: Path
) -> None:
    """At the level DEBUG, with secrets of users, of our own and the operator's own token.

    Also where a Secret of somebody else's stands in the place of ours.
    """
    kubectl.apply(*(a_secret(name, data) for name, data in SECRETS.items()))
    config = proxy.kubeconfig(tmp_path / "kubeconfig", CREDENTIAL)
    here = {"watch_namespaces": kubectl.namespace, "log_level": "DEBUG"}
    with operator(config, tmp_path, **here) as process:
        kubectl.apply(resource("boiler"), resource("others", OF_OTHERS))
        for name in ("boiler", "others"):
            eventually(f"{name} is applied", partial(is_applied, kubectl, name))
        hidden = {REDIS, TOKEN, CREDENTIAL, SOMEBODYS, *own_secret(kubectl)}
        process.stop()
        kubectl.delete("secret", "boiler-redis")
        kubectl.apply(a_secret("boiler-redis", {"password": SOMEBODYS}))
        process.start()
        eventually("somebody else's Secret is told", partial(is_in_conflict, kubectl))
        uid = kubectl.need(RESOURCE, "boiler")["metadata"]["uid"]

    text = process.log.read_text()
    for secret in hidden:
        for form in (secret, base64.b64encode(secret.encode()).decode()):
            assert form not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert "DEBUG" in {line["level"] for line in lines}
    about = [line for line in lines if line["message"] == "applying Deployment boiler"]
    assert about
    for line in about:
        assert (line["namespace"], line["name"], line["uid"]) == (kubectl.namespace, "boiler", uid)


def a_secret(name: str, data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def is_applied(kubectl: Kubectl, name: str) -> bool:
    return says(kubectl.need(RESOURCE, name), "Applied", "True")


def is_in_conflict(kubectl: Kubectl) -> bool:
    return says(kubectl.need(RESOURCE, "boiler"), "Applied", "False", "OwnershipConflict")


def own_secret(kubectl: Kubectl) -> set[str]:
    """The password that the operator has made for the managed Redis, and what it stands in."""
    data = kubectl.need("secret", "boiler-redis")["data"]
    found = {base64.b64decode(value).decode() for value in data.values()}
    assert len(found) == 2
    return found
