"""The Gateway API comes later than the pipeline that asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api_server import ApiServer
from devcluster.golang import go_command, module_folder
from devcluster.paths import Cache
from kube import Kubectl, Refused, condition, says
from operator_process import OperatorProcess
from pipelines import RESOURCE, resource
from polling import eventually

CRD = "httproutes.gateway.networking.k8s.io"
THEIRS = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "spec": {"hostnames": ["theirs.example"], "parentRefs": [{"name": "public"}]},
}
EXPOSE = {"type": "HTTPRoute", "parentRefs": [{"name": "public"}], "host": "m.example"}


@pytest.fixture
def gateway_api(server: ApiServer) -> Iterator[str]:
    """The file of the CRD, from its own module; the CRD is gone before and after."""
    module = module_folder(go_command(Cache.from_environment()), "sigs.k8s.io/gateway-api")
    yield str(module / "config" / "crd" / "standard" / "gateway.networking.k8s.io_httproutes.yaml")
    server.kubectl().delete("crd", CRD)


def test_an_http_route_appears_when_its_api_does(
    kubectl: Kubectl, served: OperatorProcess, gateway_api: str
) -> None:
    """CRDNotInstalled and not Ready until then; afterwards by itself, without a restart."""
    kubectl.apply(resource("boiler", {"expose": EXPOSE}))

    def reason() -> str:
        return str(condition(kubectl.need(RESOURCE, "boiler"), "RouteAccepted").get("reason"))

    eventually("the lack is told", lambda: reason() == "CRDNotInstalled")
    kubectl.run("create", "-f", gateway_api)

    route = eventually("an HTTPRoute", lambda: kubectl.get(CRD, "boiler"))
    assert route["spec"]["hostnames"] == ["m.example"]
    eventually("it is waited for", lambda: reason() == "AcceptancePending")

    kubectl.apply({**THEIRS, "metadata": {"name": "taken"}})
    kubectl.apply(resource("taken", {"expose": EXPOSE}))
    eventually(
        "somebody else's route is not taken",
        lambda: says(kubectl.need(RESOURCE, "taken"), "Applied", "False", "OwnershipConflict"),
    )
    assert kubectl.need(CRD, "taken")["spec"]["hostnames"] == ["theirs.example"]
    for name in ("boiler", "taken"):
        kubectl.delete(RESOURCE, name)


def test_the_api_server_refuses_what_fits_neither_route(kubectl: Kubectl) -> None:
    """With the field's name, before any operator sees it."""
    wrong = {
        "parentRefs": {"type": "HTTPRoute"},
        "ingressClassName": {**EXPOSE, "ingressClassName": "nginx"},
        "tls.secretName": {**EXPOSE, "tls": {"secretName": "mine"}},
    }
    for field, expose in wrong.items():
        with pytest.raises(Refused, match=f"spec.expose.{field}"):
            kubectl.apply(resource("wrong", {"expose": expose}))
    with pytest.raises(Refused, match="must be empty unless type is HTTPRoute"):
        kubectl.apply(resource("wrong", {"expose": {"parentRefs": [{"name": "g"}]}}))
