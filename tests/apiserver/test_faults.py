"""Bad days of the API server, by a proxy before a real one: every pipeline comes right again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from api_server import ApiServer
from fault_proxy import Fault, FaultProxy, anything, fault_proxy, watches, writes
from kube import Kubectl, says
from operator_process import OperatorProcess, operator
from pipelines import resource
from polling import eventually

KINDS = "serviceaccount,configmap,deployment,service,statefulset,ingress,hpa,secret"
EXPECTED = 10
"""Objects of the smallest pipeline where there is no Prometheus operator, its Secret included."""


@pytest.fixture
def proxy(server: ApiServer) -> Iterator[FaultProxy]:
    with fault_proxy(server) as found:
        yield found


@pytest.fixture
def behind(proxy: FaultProxy, kubectl: Kubectl, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator that knows the API server through the proxy only."""
    config = proxy.kubeconfig(tmp_path / "kubeconfig")
    with operator(
        config, tmp_path, watch_namespaces=kubectl.namespace, api_timeout_seconds="5"
    ) as process:
        yield process


def is_applied(kubectl: Kubectl, name: str = "boiler") -> bool:
    return says(kubectl.need("ap", name), "Applied", "True")


def children(kubectl: Kubectl, name: str) -> list[dict[str, Any]]:
    return kubectl.list(KINDS, f"app.kubernetes.io/instance={name}")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(writes, 429, times=6, headers={"Retry-After": "1"}),
        Fault(anything, 429, times=6, headers={"Retry-After": "1"}),
        Fault(writes, 500, times=8),
        Fault(writes, 409, times=4),
        Fault(writes, 503, times=8),
        Fault(writes, 0, times=4),
        Fault(writes, 0, times=4, after=True),
        Fault(writes, -1, delay=0.7, times=12),
        Fault(lambda r: writes(r) and "status" in r.path, 500, times=3),
    ],
    ids=["429", "429 on reads too", "500", "409", "503", "cut", "lost answer", "slow", "status"],
)
def test_a_fault_that_passes_is_survived(
    behind: OperatorProcess, proxy: FaultProxy, kubectl: Kubectl, fault: Fault
) -> None:
    """The pipeline is complete soon after, with one of each object."""
    proxy.faults.append(fault)
    kubectl.apply(resource("boiler"))

    eventually("it is applied", lambda: is_applied(kubectl))
    assert fault.met > 0
    assert len(children(kubectl, "boiler")) == EXPECTED


def test_dropped_and_expired_watches_are_begun_anew(
    behind: OperatorProcess, proxy: FaultProxy, kubectl: Kubectl
) -> None:
    """Also with 410 Gone; what happened meanwhile is not missed."""
    kubectl.apply(resource("boiler"))
    eventually("it is applied", lambda: is_applied(kubectl))
    gone = Fault(watches, 410, times=20)
    proxy.faults.append(gone)

    eventually("the watches are cut", lambda: proxy.cut_watches() > 5)
    kubectl.delete("ingress", "boiler")
    kubectl.apply(resource("second"))

    def served(name: str) -> bool:
        assert behind.process is not None
        if behind.process.poll() is not None:  # what a kubelet does
            assert behind.process.returncode != 0
            behind.start(wait=False)
        return kubectl.get("ingress", name) is not None

    eventually("the Ingress is back", lambda: served("boiler"))
    eventually("the second is served", lambda: served("second"))
    assert gone.met > 0


def test_watches_that_are_refused_with_an_old_token_begin_with_the_new_one(
    proxy: FaultProxy, kubectl: Kubectl, tmp_path: Path
) -> None:
    """kopf reads the credentials anew, too; without a restart."""
    proxy.tokens = {"first"}
    config = proxy.kubeconfig(tmp_path / "kubeconfig", "first")
    with operator(config, tmp_path, watch_namespaces=kubectl.namespace) as process:
        kubectl.apply(resource("boiler"))
        eventually("it is applied", lambda: is_applied(kubectl))
        proxy.kubeconfig(config, "second")
        proxy.tokens = {"second"}
        eventually("the watches are cut", lambda: proxy.cut_watches() > 5)
        kubectl.delete("service", "boiler")
        eventually("drift is healed", partial(kubectl.get, "service", "boiler"))
        kubectl.apply(resource("later"))
        eventually("one that came later is applied", lambda: is_applied(kubectl, "later"))
        assert process.process is not None
        assert process.process.poll() is None, "it was not restarted"


@pytest.mark.parametrize("order", ["renewed before", "renewed after"])
def test_a_token_that_ends_is_replaced_by_the_one_in_the_file(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path, order: str
) -> None:
    """As a kubelet renews them: read anew without a restart, and nothing is missed.

    The tokens are the API server's own, each bound to a Secret: with it, it ends. The API server
    may believe in one for ten more seconds.
    """
    kubectl.run("create", "serviceaccount", "operator")
    admin = ["--clusterrole=cluster-admin", f"--serviceaccount={kubectl.namespace}:operator"]
    kubectl.run("create", "clusterrolebinding", kubectl.namespace, *admin)
    config = tmp_path / "kubeconfig"
    write_token(server, config, bound_token(kubectl, "first"))
    with operator(config, tmp_path, watch_namespaces=kubectl.namespace) as process:
        kubectl.apply(resource("boiler"))
        eventually("it is applied", lambda: is_applied(kubectl))
        for number in range(2):
            old, new = ("first", "second", "third")[number : number + 2]
            token = bound_token(kubectl, new)
            if order == "renewed before":
                write_token(server, config, token)
            refused = refusals(process)
            kubectl.delete("secret", old)
            eventually("the old one is refused", lambda: refusals(process) > refused)  # noqa: B023
            write_token(server, config, token)
            kubectl.apply(resource(new))
            eventually("one that came later is applied", partial(is_applied, kubectl, new))
            kubectl.delete("service", "boiler")
            eventually("drift is healed", partial(kubectl.get, "service", "boiler"))
        assert process.process is not None
        assert process.process.poll() is None, "it was not restarted"
        assert process.get("/livez")[0] == 200
    kubectl.run("delete", "clusterrolebinding", kubectl.namespace)


def bound_token(kubectl: Kubectl, secret: str) -> str:
    """A token of the operator's account that ends with a Secret."""
    kubectl.run("create", "secret", "generic", secret)
    bound = ["--bound-object-kind=Secret", f"--bound-object-name={secret}"]
    return kubectl.run("create", "token", "operator", *bound).strip()


def write_token(server: ApiServer, path: Path, token: str) -> None:
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    path.write_text(yaml.safe_dump(config))


def refusals(process: OperatorProcess) -> float:
    return process.metric("anomaly_operator_api_requests_total", code="401")


def test_a_deaf_watch_fails_the_liveness_probe(
    proxy: FaultProxy, kubectl: Kubectl, tmp_path: Path
) -> None:
    """And until it is restarted, changes are found by the lists."""
    config = proxy.kubeconfig(tmp_path / "kubeconfig")
    with operator(
        config, tmp_path, watch_namespaces=kubectl.namespace, deaf_seconds="30"
    ) as process:
        kubectl.apply(resource("boiler"))
        eventually("it is applied", lambda: is_applied(kubectl))
        assert process.get("/livez")[0] == 200
        proxy.deaf = True
        kubectl.apply(resource("unheard"))

        eventually("it is applied all the same", lambda: is_applied(kubectl, "unheard"))
        eventually("it is not alive", lambda: process.get("/livez")[0] == 503)
        assert "was not seen" in process.get("/livez")[1]
