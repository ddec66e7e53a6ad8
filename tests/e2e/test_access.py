"""Who may send, and by which ways: tokens from a Secret, and messages of a broker, at one pod."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator, Mapping

import pytest

from anomaly_dataplane.contract.runtime import (
    PATH_ANOMALIES,
    PATH_INFLUX_2,
    PATH_INGEST,
    PATH_REMOTE_WRITE,
    PATH_STATS,
)
from device import START, Answer, call
from kube import Kubectl, Manifest
from mqtt_broker import PASSWORD, USERNAME, Broker, Publisher, mqtt_broker, password_file
from pipelines import LIGHT, RESOURCE, Pipeline, noise
from polling import eventually
from tools import environment

pytestmark = pytest.mark.e2e

TOKENS = {"telegraf": "token-of-telegraf", "edge": "token-of-the-edge"}
NEXT = "token-of-the-edge-from-now-on"
SECONDS = itertools.count()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A mosquitto on this machine that asks for a password, at an address that pods reach."""
    address = environment()["host_address"]
    if not address:
        pytest.fail("no address of this machine is known that pods of this cluster reach")
    passwords = password_file(tmp_path_factory.mktemp("mqtt") / "passwords")
    with mqtt_broker(password_file=passwords, host=address) as running:
        yield running


@pytest.fixture(scope="module")
def pipeline(kubectl: Kubectl, ingress: str, broker: Broker) -> Iterator[Pipeline]:
    """Two ways in: HTTP with tokens, and the broker's messages."""
    kubectl.apply(
        opaque("senders", TOKENS),
        opaque("broker-login", {"username": USERNAME, "password": PASSWORD}),
    )
    mqtt = {
        "broker": broker.url,
        "topics": ["plant/{site}/{metric}"],
        "secretRef": {"name": "broker-login"},
    }
    pipeline = Pipeline(kubectl, "guarded", ingress)
    pipeline.apply(
        {
            **LIGHT,
            "autoscaling": {"enabled": False},
            "ingest": {"auth": {"tokenSecretRef": {"name": "senders"}}, "mqtt": mqtt},
        }
    )
    pipeline.await_ready()
    yield pipeline
    kubectl.delete(RESOURCE, pipeline.name, wait=False)


def opaque(name: str, content: Mapping[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": dict(content),
    }


def authorization(value: str) -> dict[str, str]:
    return {"Authorization": value}


def basic(token: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{token}".encode()).decode()


def send(pipeline: Pipeline, token: str, scheme: str = "Bearer") -> Answer:
    """One sample in JSON, through the ingress."""
    content = noise("guarded", "door-1", 1, first=next(SECONDS))
    headers = authorization(f"{scheme} {token}")
    return call("POST", pipeline.base + PATH_INGEST, content=content, headers=headers)


def samples(pipeline: Pipeline) -> int:
    headers = authorization(f"Bearer {TOKENS['telegraf']}")
    return int(call("GET", pipeline.base + PATH_STATS, headers=headers).ok().body["samples"])


def test_without_a_token_nothing_is_let_in(pipeline: Pipeline) -> None:
    """401 on every protocol and query, and nothing of it counted."""
    eventually("the route serves", lambda: send(pipeline, TOKENS["edge"]).status == 200)
    before = samples(pipeline)
    wrong: list[dict[str, str]] = [
        {},
        authorization("Bearer guessed"),
        authorization("Bearer"),
        authorization(basic("guessed")),
    ]
    for headers in wrong:
        for path in (PATH_INGEST, PATH_INFLUX_2, PATH_REMOTE_WRITE):
            assert call("POST", pipeline.base + path, body=b"x", headers=headers).status == 401
        for path in (PATH_STATS, PATH_ANOMALIES):
            assert call("GET", pipeline.base + path, headers=headers).status == 401

    assert samples(pipeline) == before


def test_each_of_two_tokens_opens_in_each_form(pipeline: Pipeline) -> None:
    """Bearer, Token and Basic; 200 for JSON and 204 for line protocol, as their clients want."""
    for token in TOKENS.values():
        assert send(pipeline, token).status == 200
        assert send(pipeline, token, "Token").status == 200
        body = f"m,device=d value=1 {next(SECONDS) + START}".encode()
        url = f"{pipeline.base}{PATH_INFLUX_2}?precision=s"
        headers = authorization(basic(token)) | {"Content-Type": "text/plain"}
        assert call("POST", url, body=body, headers=headers).status == 204


def test_a_token_is_replaced_while_the_other_goes_on(pipeline: Pipeline) -> None:
    """The Secret is edited: the new one is let in, the old one is not, and no pod is touched."""
    pods = names_and_restarts(pipeline)
    pipeline.kubectl.apply(opaque("senders", {**TOKENS, "edge": NEXT}))

    def taken_up() -> bool:
        hurry(pipeline)
        assert send(pipeline, TOKENS["telegraf"]).status == 200
        return send(pipeline, NEXT).status == 200

    eventually("the new token opens", taken_up, pause=1)
    assert send(pipeline, TOKENS["edge"]).status == 401
    assert names_and_restarts(pipeline) == pods
    assert pipeline.ready()


def hurry(pipeline: Pipeline) -> None:
    """Have the kubelet refresh the volumes of the pods now, as it does within 90 s anyway."""
    for pod in pipeline.pods():
        name = pod["metadata"]["name"]
        note = f"poke={next(SECONDS)}"
        pipeline.kubectl.run("annotate", "pod", name, note, "--overwrite")


def names_and_restarts(pipeline: Pipeline) -> dict[str, int]:
    return {
        pod["metadata"]["name"]: status["restartCount"]
        for pod in pipeline.pods()
        for status in pod["status"].get("containerStatuses", ())
    }


def test_messages_of_a_broker_become_samples_and_anomalies(
    pipeline: Pipeline, broker: Broker
) -> None:
    """Each counts once, also while the pod is replaced; a jump is an anomaly like any other."""
    before, old, sent = samples(pipeline), set(names_and_restarts(pipeline)), itertools.count()
    eventually("the pod has subscribed", lambda: "$share/" in broker.log())
    with Publisher(broker) as publisher:

        def publish(count: int, level: float = 20) -> None:
            for number in itertools.islice(sent, count):
                publisher.send("plant/roof/temperature", message(number, level + number % 3))
            publisher.wait()

        def replaced() -> bool:
            publish(5)
            return not old & set(names_and_restarts(pipeline))

        publish(200)
        pipeline.kubectl.run("rollout", "restart", f"deployment/{pipeline.name}")
        eventually("the pod is another", replaced)
        publish(100)
        publish(1, level=500)
    total = next(sent)

    def counted() -> bool:
        assert samples(pipeline) - before == total
        return True

    eventually(f"each of {total} messages counts once", counted)
    headers = authorization(f"Bearer {NEXT}")
    found = call("GET", pipeline.base + PATH_ANOMALIES, headers=headers).ok().body["anomalies"]
    assert [each["labels"] for each in found if each["value"] >= 500] == [{"site": "roof"}]
    pipeline.await_condition("DataFlowing", "True")  # the operator needs no token


def message(number: int, value: float) -> str:
    """Ten a second: two pods that share them are never `allowedLateness` apart."""
    return f'{{"value": {value}, "timestamp": {START + number / 10}}}'
