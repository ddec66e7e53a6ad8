"""The stage of every story: a real cluster, our images in it, the chart installed by helm."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from installation import SYSTEM, Helm, await_end, make_namespace
from kube import Kubectl, Refused
from pipelines import RESOURCE
from together import while_used
from tools import environment

FIRST = ("test_bad_input.py", "test_monitoring.py", "test_restarts.py", "test_truth.py")
"""The long ones of those that run side by side, so that none is left over at the end."""

LAST = ("test_upgrade.py", "test_uninstall.py")
"""They replace the installation."""

TIMEOUT = 900
"""Seconds for one story with its fixtures; its waits end sooner, and say for what they were."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files, whatever was selected; the stories of one keep theirs."""
    order = {name: place - len(FIRST) for place, name in enumerate(FIRST)}
    order |= {name: place + 1 for place, name in enumerate(LAST)}
    items.sort(key=lambda item: order.get(item.path.name, 0))
    for item in items:
        item.add_marker(pytest.mark.timeout(TIMEOUT))


@pytest.fixture(scope="session")
def cluster() -> Kubectl:
    """The cluster that `make cluster images` has made and filled."""
    found = environment()
    return Kubectl(found["kubectl"], Path(found["kubeconfig"]))


@pytest.fixture(scope="session")
def ingress() -> str:
    """Base URL of the cluster's ingress."""
    return str(environment()["ingress_url"]).rstrip("/")


@pytest.fixture(scope="session")
def helm(cluster: Kubectl) -> Helm:
    """helm for the same cluster."""
    return Helm(environment()["helm"], str(cluster.kubeconfig))


@pytest.fixture(scope="session")
def values(testrun_uid: str) -> dict[str, Any]:
    """The chart's values for this cluster: which images and ports, everything else as shipped."""
    images = environment()["images"]
    repository, _, tag = images["operator"].rpartition(":")
    return {
        "image": {"repository": repository, "tag": tag},
        "dataplane": {"image": images["dataplane"]},
        "redis": {"image": images["redis"]},
        # What ingress and Gateway of `make cluster` say, and where their Envoy listens.
        "endpointPorts": {"80": 18080, "443": 18443, "10080": 18080, "10443": 18443},
        "podAnnotations": {"test-run": testrun_uid},  # a new pod also over an old release
    }


@pytest.fixture(scope="session")
def operator(
    cluster: Kubectl,
    helm: Helm,
    values: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Kubectl]:
    """The installed operator, seen from its namespace, which enforces Pod Security `restricted`.

    One for all workers of pytest-xdist: the first installs it, the last takes it away.
    """
    system = cluster.within(SYSTEM)
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    found_crd = shared / "found-crd"

    def install() -> None:
        await_end(cluster, "crd", RESOURCE)  # of the run before, which did not wait for it
        if cluster.get("crd", RESOURCE):
            found_crd.touch()
            if environment()["provider"] == "current":
                pytest.fail(f"{RESOURCE} is in this cluster: these tests would take it over")
        make_namespace(cluster, SYSTEM)
        helm.install(values)

    def uninstall() -> None:
        helm.uninstall()
        cluster.delete("namespace", SYSTEM, wait=False)
        if not found_crd.exists():
            cluster.delete("crd", RESOURCE, wait=False)

    with while_used(shared, install, uninstall):
        yield system


@pytest.fixture(scope="module")
def kubectl(operator: Kubectl, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """A fresh namespace for the stories of one file, restricted like the operator's own."""
    topic = request.path.stem.removeprefix("test_").replace("_", "-")
    namespaced = operator.within(f"{topic}-{uuid.uuid4().hex[:5]}")
    make_namespace(operator, namespaced.namespace)
    yield namespaced
    # The pipelines first: the API server deletes a namespace's content in any order, and an
    # operator that heals children of a pipeline that is about to go only makes that slower.
    namespaced.run("delete", RESOURCE, "--all", "--wait=false", "--ignore-not-found")
    operator.delete("namespace", namespaced.namespace, wait=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the cluster looked like when a story failed."""
    report = yield
    if report.failed and call.when in {"setup", "call"}:
        namespaced = getattr(item, "funcargs", {}).get("kubectl")
        if isinstance(namespaced, Kubectl):
            report.sections.append(("cluster", diagnosis(namespaced)))
    return report


def diagnosis(kubectl: Kubectl) -> str:
    """All that one would ask for in the first minutes of looking."""
    system = kubectl.within(SYSTEM)
    questions = [
        (kubectl, ["get", "ap", "-o", "wide"]),
        (kubectl, ["describe", "ap"]),
        (kubectl, ["get", "pods,deployments,statefulsets,ingresses,hpa,pdb", "-o", "wide"]),
        (kubectl, ["get", "events", "--sort-by=.lastTimestamp"]),
        (
            kubectl,
            ["logs", "-l", "app.kubernetes.io/name=anomaly-pipeline", "--tail=30", "--prefix"],
        ),
        (system, ["get", "pods", "-o", "wide"]),
        (system, ["logs", "deployment/anomaly-operator", "--tail=60"]),
        (system, ["logs", "deployment/anomaly-operator", "--tail=20", "--previous"]),
    ]
    answers = []
    for asked, words in questions:
        try:
            answer = asked.run(*words, timeout=15)
        except (Refused, subprocess.TimeoutExpired) as error:
            answer = f"({error})"
        answers.append(f"$ kubectl -n {asked.namespace} {' '.join(words)}\n{answer}")
    return "\n".join(answers)
