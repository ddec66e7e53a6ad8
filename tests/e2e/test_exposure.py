"""Senders reach a pipeline at the address that its status names: Ingress, HTTPRoute, with TLS."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from anomaly_dataplane.contract.runtime import PATH_INGEST
from certificates import authority, tls_secret
from device import Answer, call
from kube import Kubectl
from pipelines import LIGHT, RESOURCE, Pipeline, noise
from polling import eventually
from secure import post
from tools import environment

pytestmark = pytest.mark.e2e

GATEWAY = {"name": "anomaly", "namespace": "projectcontour"}
ONE = {**LIGHT, "autoscaling": {"enabled": False}}
SECONDS = itertools.count()


@pytest.fixture(scope="module")
def pipeline(kubectl: Kubectl, ingress: str) -> Iterator[Pipeline]:
    """One pipeline, whose way in changes from story to story while its pods stay."""
    if environment()["provider"] == "current":
        pytest.fail("these stories know Gateway and ports of `make cluster` only")
    pipeline = Pipeline(kubectl, "open", ingress)
    pipeline.apply(ONE)
    pipeline.await_ready()
    yield pipeline
    kubectl.delete(RESOURCE, pipeline.name, wait=False)


@pytest.fixture(scope="module")
def gateway_authority(
    operator: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Give the Gateway's secure listener a certificate; return the authority to trust."""
    folder = tmp_path_factory.mktemp("gateway")
    authority("gateways").secret(folder, host="*.gateway.test")
    namespace = operator.within(GATEWAY["namespace"])
    namespace.apply(tls_secret("gateway-tls", folder))
    yield folder / "ca.crt"
    namespace.delete("secret", "gateway-tls")


def exposed(pipeline: Pipeline, expose: dict[str, Any], **more: Any) -> str:
    """Change the way in, wait until it is taken up, and return the endpoint."""
    pipeline.apply({**ONE, "expose": expose, **more})
    pipeline.await_ready()
    endpoint = pipeline.read()["status"]["endpoint"]
    assert isinstance(endpoint, str)
    return endpoint


def taken(send: Any) -> Answer:
    def probe() -> Answer:
        answer = send()
        assert answer.status == 200, answer
        return answer  # type: ignore[no-any-return]

    return eventually("the sample is taken", probe)


def samples() -> list[Any]:
    return noise("reached", "door-1", 1, first=next(SECONDS))


def by_host(url: str) -> Any:
    """Send to a plain URL whose host no DNS knows."""
    where = urlsplit(url)
    local = f"http://127.0.0.1:{where.port}{where.path}{PATH_INGEST}"
    return lambda: call("POST", local, content=samples(), host=where.netloc)


def test_the_address_in_the_status_is_the_one_that_answers(pipeline: Pipeline) -> None:
    """Port and path included, where the ingress is not on port 80."""
    endpoint = pipeline.read()["status"]["endpoint"]

    assert endpoint == pipeline.base
    taken(lambda: call("POST", endpoint + PATH_INGEST, content=samples()))
    assert endpoint in pipeline.kubectl.run("get", "ap", pipeline.name)


def test_an_ingress_with_tls_by_secret(pipeline: Pipeline, tmp_path: Path) -> None:
    """Host, path and certificate are the user's; the endpoint says https."""
    authority("ours").secret(tmp_path, host="boiler.ingress.test")
    pipeline.kubectl.apply(tls_secret("own-tls", tmp_path))
    expose = {
        "host": "boiler.ingress.test",
        "path": "/heat/1",
        "ingressClassName": "contour",
        "tls": {"secretName": "own-tls"},
    }

    endpoint = exposed(pipeline, expose)

    assert endpoint == "https://boiler.ingress.test:18443/heat/1"
    taken(lambda: post(endpoint + PATH_INGEST, samples(), tmp_path / "ca.crt"))


def test_an_http_route(pipeline: Pipeline) -> None:
    """The Gateway accepts it, and the pods strip the path as behind an Ingress."""
    expose = {
        "type": "HTTPRoute",
        "parentRefs": [{**GATEWAY, "sectionName": "http"}],
        "host": "pump.plain.test",
    }

    endpoint = exposed(pipeline, expose)

    assert endpoint == f"http://pump.plain.test:18080/{pipeline.kubectl.namespace}/open"
    seen = pipeline.await_condition("RouteAccepted", "True", "Admitted")
    assert "projectcontour/anomaly" in seen["message"]
    assert pipeline.kubectl.get("ingress", pipeline.name) is None
    taken(by_host(endpoint))


def test_an_http_route_by_the_address_of_the_gateway(pipeline: Pipeline) -> None:
    """Without a host the Gateway's own address is the endpoint, and answers as it stands."""
    expose = {"type": "HTTPRoute", "parentRefs": [{**GATEWAY, "sectionName": "http"}]}

    endpoint = exposed(pipeline, expose)

    taken(lambda: call("POST", endpoint + PATH_INGEST, content=samples()))


def test_an_http_route_with_the_tls_of_its_gateway(
    pipeline: Pipeline, gateway_authority: Path
) -> None:
    """The certificate is the listener's; the endpoint says https by itself."""
    expose = {
        "type": "HTTPRoute",
        "parentRefs": [{**GATEWAY, "sectionName": "routes-https"}],
        "host": "pump.gateway.test",
    }

    endpoint = exposed(pipeline, expose)

    assert endpoint == f"https://pump.gateway.test:18443/{pipeline.kubectl.namespace}/open"
    taken(lambda: post(endpoint + PATH_INGEST, samples(), gateway_authority))


def test_a_route_that_the_gateway_refuses_says_why(
    pipeline: Pipeline, gateway_authority: Path
) -> None:
    """RouteAccepted and Ready are False with the Gateway's words; a corrected host heals it."""
    parents = [{**GATEWAY, "sectionName": "routes-https"}]
    wrong = {"type": "HTTPRoute", "parentRefs": parents, "host": "pump.elsewhere.test"}
    pipeline.apply({**ONE, "expose": wrong})

    seen = pipeline.await_condition("RouteAccepted", "False", "RouteNotAccepted")
    assert "NoMatchingListenerHostname" in seen["message"]
    pipeline.await_condition("Ready", "False", "RouteNotAccepted")
    exposed(pipeline, {**wrong, "host": "pump.gateway.test"})


def test_a_gateway_that_does_not_exist_is_waited_for(pipeline: Pipeline) -> None:
    """Unknown, with the name that nobody answers to."""
    expose = {"type": "HTTPRoute", "parentRefs": [{"name": "nowhere"}]}
    pipeline.apply({**ONE, "expose": expose})

    seen = pipeline.await_condition("RouteAccepted", "Unknown", "AcceptancePending")
    assert f"{pipeline.kubectl.namespace}/nowhere" in seen["message"]


def test_back_to_an_ingress_on_the_short_way_of_plain_posts(pipeline: Pipeline) -> None:
    """The HTTPRoute goes; through Envoy `ingest.fastPath` answers as the long way does."""
    endpoint = exposed(pipeline, {}, ingest={"fastPath": True})
    assert pipeline.kubectl.get("httproute", pipeline.name) is None
    first = taken(lambda: call("POST", endpoint + PATH_INGEST, content=samples()))
    before = pipeline.stats()["samples"]

    for _ in range(50):
        call("POST", endpoint + PATH_INGEST, content=samples()).ok()
    again = noise("reached", "door-1", 1, first=next(SECONDS) - 1)
    verdict = call("POST", f"{endpoint}{PATH_INGEST}?verdicts=true", content=again).ok()

    assert first.body["accepted"] == 1
    assert verdict.body["verdicts"][0]["status"] == "duplicate"
    assert pipeline.stats()["samples"] - before == 50
    assert call("POST", endpoint + PATH_INGEST, body=b"{").status == 400
