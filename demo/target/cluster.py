"""The pipeline on Kubernetes: operator by helm, the example as a CR, samples through the ingress.

All of it stays when the demo ends, for looking around; `_farewell` says how to remove it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import yaml

from anomaly_operator import names
from demo.client import Client
from demo.console import Console
from demo.errors import DemoError
from demo.target import EXAMPLE, NAMESPACE, ROOT, Target, kubernetes
from demo.target.kubernetes import Cluster, Object

CHART = ROOT / "charts" / "anomaly-operator"
RELEASE = "anomaly-operator"
SYSTEM = "anomaly-system"
RESOURCE = f"{names.PLURAL}.{names.GROUP}"

_OURS = {"app.kubernetes.io/managed-by": "anomaly-demo"}
_READY_SECONDS = 120.0
_GONE_SECONDS = 60.0
_ROUTE_SECONDS = 60.0
_FIGURES_SECONDS = 75.0
"""The operator renews a pipeline's figures at most once a minute."""


@contextmanager
def pipeline(provider: str, console: Console) -> Iterator[Target]:
    """Make or find the cluster, install the operator, apply the example, wait until it is Ready.

    Raises:
        DemoError: naming what did not become ready, and why.
    """
    console.title("AnomalyPipeline demo: on Kubernetes")
    cluster = kubernetes.ensure(provider)
    console.step("Cluster", f"{cluster.provider}, context {cluster.context}")
    _install_operator(cluster, console)
    name = str(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["metadata"]["name"])
    _make_namespace(cluster)
    _apply_afresh(cluster, name)
    started = time.monotonic()
    found = _await_ready(cluster, name)
    console.step(
        "Pipeline",
        f"{EXAMPLE.relative_to(ROOT)} in namespace {NAMESPACE}: Ready after "
        f"{time.monotonic() - started:.0f} s, with a Redis of its own",
    )
    url = f"{cluster.ingress_url}/{NAMESPACE}/{name}"
    _await_route(url)
    console.step("Ingress", f"{url} (the CR says: {found['status'].get('endpoint', '')})")
    yield Target(url, _farewell(cluster, name))


def values(cluster: Cluster) -> dict[str, Any]:
    """The chart's values: which images, everything else as shipped."""
    if not cluster.images:
        return {}
    repository, _, tag = cluster.images["operator"].rpartition(":")
    return {
        "image": {"repository": repository, "tag": tag},
        "dataplane": {"image": cluster.images["dataplane"]},
        "redis": {"image": cluster.images["redis"]},
        **_reached(cluster),
        # The tag stays when the image is rebuilt; a new pod is what runs it.
        "podAnnotations": {"demo-run": str(int(time.time()))},
    }


def _reached(cluster: Cluster) -> dict[str, Any]:
    """Where the ingress answers, if not on the usual port, so that `kubectl get ap` says it."""
    port = urlsplit(cluster.ingress_url).port
    return {"endpointPorts": {"80": port}} if port not in (None, 80) else {}


def not_ready(found: Object | None) -> str:
    """Why a pipeline is not Ready for its present spec; empty if it is."""
    if found is None:
        return "it does not exist"
    status = found.get("status", {})
    if status.get("observedGeneration") != found["metadata"]["generation"]:
        return "the operator has not seen it yet; is it running?"
    conditions = {one["type"]: one for one in status.get("conditions", [])}
    ready = conditions.get("Ready", {"status": "Unknown", "message": "no condition Ready"})
    if ready["status"] == "True":
        return ""
    return f"{ready.get('reason', '')}: {ready.get('message', '')}"


def _install_operator(cluster: Cluster, console: Console) -> None:
    if cluster.provider == "current" and cluster.find("crd", RESOURCE) is not None:
        console.step("Operator", "installed on this cluster already; used as it is")
        return
    arguments = ["upgrade", "--install", RELEASE, str(CHART), f"--namespace={SYSTEM}"]
    options = ["--create-namespace", "--take-ownership", "--wait", "--timeout=180s", "--values=-"]
    cluster.install(*arguments, *options, stdin=json.dumps(values(cluster)))
    console.step("Operator", f"installed with helm from charts/{CHART.name} into {SYSTEM}")


def _make_namespace(cluster: Cluster) -> None:
    """Make the demo's namespace; one of somebody else's is not touched."""
    found = cluster.find("namespace", NAMESPACE)
    if found is not None:
        labels = found["metadata"].get("labels", {})
        if not labels.items() >= _OURS.items():
            raise DemoError(f"namespace {NAMESPACE} exists and is not this demo's; left alone")
        if "deletionTimestamp" not in found["metadata"]:
            return
        _wait_until_gone(cluster, "namespace", NAMESPACE)
    labels = {**_OURS, "pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": labels},
    }
    cluster.ask("create", "--filename=-", stdin=json.dumps(namespace))


def _apply_afresh(cluster: Cluster, name: str) -> None:
    """Apply the example; one of an earlier run goes first, since it knows these samples already."""
    within = f"--namespace={NAMESPACE}"
    if cluster.find(RESOURCE, name, within) is not None:
        cluster.ask("delete", RESOURCE, name, within, "--wait=false")
        _wait_until_gone(cluster, RESOURCE, name, within)
    selector = f"{names.LABEL_INSTANCE}={names.base(name)}"
    for kind in ("deployment", "statefulset"):
        _wait_until_gone(cluster, kind, f"--selector={selector}", within)
    cluster.ask("apply", within, f"--filename={EXAMPLE}")


def _wait_until_gone(cluster: Cluster, *what: str) -> None:
    give_up = time.monotonic() + _GONE_SECONDS
    while (found := cluster.find(*what)) is not None and found.get("items", [found]):
        if time.monotonic() > give_up:
            raise DemoError(f"{' '.join(what)} does not go away")
        time.sleep(0.5)


def _await_ready(cluster: Cluster, name: str) -> Object:
    give_up = time.monotonic() + _READY_SECONDS
    while True:
        found = cluster.find(RESOURCE, name, f"--namespace={NAMESPACE}")
        reason = not_ready(found)
        if found is not None and not reason:
            return found
        if time.monotonic() > give_up:
            raise DemoError(f"{name} is not Ready after {_READY_SECONDS:.0f} s: {reason}")
        time.sleep(0.5)


def _await_route(url: str) -> None:
    """Ready means that the controller took the route; wait until its proxy follows it."""
    give_up = time.monotonic() + _ROUTE_SECONDS
    with closing(Client(url, patience_seconds=2.0)) as client:
        while True:
            try:
                client.stats()
            except DemoError as error:
                if time.monotonic() > give_up:
                    raise DemoError(f"no way through the ingress: {error}") from None
                time.sleep(0.5)
            else:
                return


def _farewell(cluster: Cluster, name: str) -> Callable[[Console], None]:
    within = f"--namespace={NAMESPACE}"

    def say(console: Console) -> None:
        console.note("\nWaiting for the operator to look at the pipeline's figures ...")
        give_up = time.monotonic() + _FIGURES_SECONDS
        while time.monotonic() < give_up:
            found = cluster.find(RESOURCE, name, within) or {}
            if found.get("status", {}).get("anomaliesLastHour"):
                break
            time.sleep(1.0)
        console.verbatim(f"kubectl get ap -n {NAMESPACE}", cluster.ask("get", "ap", within))
        described = cluster.ask("describe", "ap", name, within)
        console.verbatim(f"kubectl describe ap {name} -n {NAMESPACE}", described)
        console.note(
            "\nWhat to try next (the pipeline stays):\n"
            f"  export KUBECONFIG={cluster.kubeconfig}; kubectl get ap -A --watch\n"
            f"  curl -s '{cluster.ingress_url}/{NAMESPACE}/{name}/api/v1/anomalies?limit=5'\n"
            f"  kubectl delete namespace {NAMESPACE}   # ends this pipeline; "
            "`make cluster-down` ends the cluster\n"
            "  less README.md"
        )

    return say
