"""The operator by `kubectl apply -f`, with the rights it gets there; gone again in any order."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from api_server import ApiServer, api_server
from devcluster import dist, kubeconfig
from devcluster.paths import CHECKOUT
from kube import Kubectl, Manifest, Refused, created_at, end_job
from operator_process import OperatorProcess, operator
from pipelines import API_VERSION, RESOURCE, resource
from polling import eventually
from redis_server import free_port
from tools import helm_binary

INSTALL = CHECKOUT / "docs" / "install.md"
OURS = "app.kubernetes.io/part-of in (anomaly-pipeline, anomalypipeline)"
KINDS = (
    "deployments,statefulsets,services,configmaps,secrets,serviceaccounts,ingresses,hpa,pdb,"
    "networkpolicies,roles,rolebindings"
)
STEPS = ("pipelines", "operator", "crd")
PURGED = {
    "redis": {"mode": "Standalone", "urls": ["redis.example:6379"]},
    "deletionPolicy": "Delete",
}
"""Waits for its operator when it is deleted. No node runs the Job that it waits for."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make dist` writes."""
    folder = tmp_path_factory.mktemp("dist")
    dist.write(Path(helm_binary()), folder)
    return folder


@pytest.fixture(scope="module")
def bare() -> Iterator[ApiServer]:
    """An API server that has never heard of us."""
    with api_server() as server:
        server.kubectl().delete("crd", RESOURCE)
        yield server


def with_rights_of(
    server: ApiServer, namespace: str, folder: Path, account: str = "anomaly-operator"
) -> Path:
    """A kubeconfig of the installed operator's ServiceAccount."""
    admin = server.kubectl(namespace)
    token = admin.run("create", "token", account).strip()
    path = folder / f"{account}.kubeconfig"
    text = kubeconfig.render("anomaly-test", server.url, server.credentials)
    lines = [line for line in text.splitlines() if "client-" not in line]
    kubeconfig.write_private(path, "\n".join(lines) + "\n")
    kubectl = Kubectl(admin.binary, path, namespace)
    user = kubectl.run("config", "view", "-o", "jsonpath={.users[0].name}")
    kubectl.run("config", "set-credentials", user, f"--token={token}")
    return path


def install(server: ApiServer, files: Path) -> str:
    """Apply the one file and wait until pipelines can be made, and collected again."""
    kubectl = server.kubectl("anomaly-system")
    said = kubectl.run("apply", "-f", str(files / "install.yaml"))
    kubectl.run("wait", "--for=condition=Established", "--timeout=90s", "crd", RESOURCE)
    if f"{RESOURCE} created" in said:
        let_the_collector_know(server)
    return said


def let_the_collector_know(server: ApiServer) -> None:
    """See to it that children of pipelines are collected, as half a minute would.

    The garbage collector looks for new kinds every 30 s. Until then it cannot tell whether an owner
    of such a kind exists; if the kind goes before, it never will, and the children stay.
    """
    server.restart("kube-controller-manager")
    kubectl = server.kubectl()

    def collects() -> bool:
        orphan = an_orphan()
        kubectl.apply(orphan)
        name = orphan["metadata"]["name"]
        eventually(f"{name} is gone", lambda: kubectl.get("configmap", name) is None, within=5)
        return True

    eventually("the garbage collector knows pipelines", collects)


def an_orphan() -> Manifest:
    """A ConfigMap of a pipeline that does not exist."""
    owner = {
        "apiVersion": API_VERSION,
        "kind": "AnomalyPipeline",
        "name": "nobody",
        "uid": str(uuid.uuid4()),
    }
    meta = {"name": f"orphan-{owner['uid']}", "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


def has_children(kubectl: Kubectl, name: str = "boiler") -> bool:
    found = kubectl.get(RESOURCE, name)
    assert found is not None
    said = {c["type"]: c for c in found.get("status", {}).get("conditions", [])}
    assert said.get("Applied", {}).get("status") == "True", said
    return True


def test_one_file_installs_all_and_applying_it_again_changes_nothing(
    bare: ApiServer, files: Path
) -> None:
    """Client-side, as people type it."""
    first, again = install(bare, files), install(bare, files)

    assert "created" in first
    assert [line for line in again.splitlines() if not line.endswith("unchanged")] == []
    assert "Helm" not in (files / "install.yaml").read_text()
    assert os.access(files / "kubectl-anomaly", os.X_OK)


def test_the_rights_in_the_file_are_enough(bare: ApiServer, files: Path, tmp_path: Path) -> None:
    """An operator with that account brings a pipeline about, and is refused nothing."""
    admin = bare.kubectl()
    install(bare, files)
    rights = with_rights_of(bare, "anomaly-system", tmp_path)
    with operator(rights, tmp_path) as process:
        wanted = {"autoscaling": {"minReplicas": 2}, "networkPolicy": {"enabled": True}}
        admin.apply(resource("boiler", wanted))
        eventually("all is applied", lambda: has_children(admin))
        admin.delete(RESOURCE, "boiler")

    assert "forbidden" not in process.log.read_text().lower()
    with pytest.raises(Refused, match="forbidden"):
        Kubectl(admin.binary, rights).run("get", "secrets", "--all-namespaces")


def test_the_namespaced_file_touches_one_namespace_only(
    bare: ApiServer, files: Path, tmp_path: Path
) -> None:
    """A Role is enough for an operator that serves its own namespace."""
    admin = bare.kubectl("team-a")
    if f"{RESOURCE} created" in admin.run("apply", "-f", str(files / "crd.yaml")):
        let_the_collector_know(bare)
    admin.run("wait", "--for=condition=Established", "--timeout=90s", "crd", RESOURCE)
    admin.run("create", "namespace", "team-a")
    text = (files / "install-namespaced.yaml").read_text().replace("anomaly-system", "team-a")
    made = admin.run("apply", "-f", "-", stdin=text)
    rights = with_rights_of(bare, "team-a", tmp_path)
    with operator(rights, tmp_path, watch_namespaces="team-a"):
        admin.apply(resource("boiler", {}))
        eventually("all is applied", lambda: has_children(admin))
        admin.delete(RESOURCE, "boiler")

    assert not [line for line in made.splitlines() if line.startswith(("namespace", "cluster"))]
    admin.run("delete", "-f", "-", stdin=text)
    admin.run("delete", "namespace", "team-a", "--wait=false")


@pytest.mark.parametrize("order", list(itertools.permutations(STEPS)), ids=" then ".join)
def test_uninstalling_in_any_order_leaves_nothing_and_never_hangs(
    bare: ApiServer, files: Path, tmp_path: Path, order: tuple[str, ...]
) -> None:
    """Each step ends by itself; afterwards nothing of ours is there, children included."""
    admin = bare.kubectl()
    install(bare, files)
    rights = with_rights_of(bare, "anomaly-system", tmp_path)
    with operator(rights, tmp_path, purge_seconds="5") as process:
        admin.apply(resource("boiler", {"autoscaling": {"minReplicas": 2}}))
        admin.apply(resource("purged", PURGED))
        for name in ("boiler", "purged"):
            eventually("all is applied", partial(has_children, admin, name))
        assert admin.need(RESOURCE, "purged")["metadata"]["finalizers"]
        for step in order:
            take_away(step, admin, process, tmp_path)

        eventually("nothing is left", lambda: left_over(admin) == [])


def test_helm_lets_go_what_would_wait_for_the_operator(bare: ApiServer, tmp_path: Path) -> None:
    """By its hook; the Job's command runs here as a process, with the Job's own account.

    Pipelines run on, and deleting them needs nobody. Nothing is left of the release, the hook's
    account included.
    """
    admin = bare.kubectl("helm-system")
    helm = [helm_binary(), f"--kubeconfig={bare.kubeconfig}", "--namespace=helm-system"]
    source = [str(dist.CHART), "--create-namespace", "--take-ownership"]
    subprocess.run([*helm, "install", "anomaly-operator", *source], check=True, timeout=120)
    with operator(with_rights_of(bare, "helm-system", tmp_path), tmp_path):
        admin.apply(resource("purged", PURGED))
        eventually("all is applied", lambda: has_children(admin, "purged"))
    assert admin.need(RESOURCE, "purged")["metadata"]["finalizers"]

    with subprocess.Popen([*helm, "uninstall", "anomaly-operator", "--timeout=120s"]) as uninstall:
        try:
            job = eventually("the Job", lambda: admin.get("job", "anomaly-operator-let-go"))
            pod = job["spec"]["template"]["spec"]
            rights = with_rights_of(bare, "helm-system", tmp_path, pod["serviceAccountName"])
            (container,) = pod["containers"]
            command = [sys.executable, "-m", "anomaly_operator", *container["args"]]
            environ = {**os.environ, "KUBECONFIG": str(rights)}
            subprocess.run(command, env=environ, check=True, timeout=90)
            end_job(admin, "anomaly-operator-let-go", "Complete")
            assert uninstall.wait(90) == 0
        finally:
            uninstall.kill()
    assert "finalizers" not in admin.need(RESOURCE, "purged")["metadata"]
    admin.run("delete", RESOURCE, "--all", "--timeout=90s")
    eventually("its objects are collected", lambda: admin.get("deployment", "purged") is None)
    release = "app.kubernetes.io/instance=anomaly-operator"
    for kinds in (
        "serviceaccounts,roles,rolebindings,deployments,jobs",
        "clusterroles,clusterrolebindings",
    ):
        eventually(f"none of {kinds}", lambda: admin.list(kinds, release) == [])  # noqa: B023
    admin.delete("crd", RESOURCE)
    admin.run("delete", "namespace", "helm-system", "--wait=false")


def test_an_operator_picks_its_crd_up_within_seconds_whenever_it_comes(
    bare: ApiServer, files: Path, tmp_path: Path
) -> None:
    """It may start before the CRD, and outlive it: a kubelet starts it again when it ends."""
    admin = bare.kubectl()
    install(bare, files)
    rights = with_rights_of(bare, "anomaly-system", tmp_path)
    admin.run("delete", "crd", RESOURCE)
    process = OperatorProcess(rights, tmp_path / "operator.log", {}, free_port())
    try:
        process.start(wait=False)
        for name in ("first", "second"):
            eventually("it waits for the CRD", lambda: waits(process, "waiting for the CRD"))
            install(bare, files)
            admin.apply(resource(name))
            asked = time.time()
            eventually("all is applied", partial(served, process, admin, name))
            assert created_at(admin.need("deployment", name)) - asked < 30
            process.log.write_bytes(b"")
            admin.run("delete", "crd", RESOURCE)
    finally:
        process.kill()
        admin.run("delete", "crd", RESOURCE, "--ignore-not-found")


def kept_running(process: OperatorProcess) -> bool:
    """Start it again if it has ended, as a kubelet does."""
    assert process.process is not None
    if process.process.poll() is not None:
        assert process.process.returncode != 0
        process.start(wait=False)
    return True


def served(process: OperatorProcess, kubectl: Kubectl, name: str) -> bool:
    return kept_running(process) and has_children(kubectl, name)


def waits(process: OperatorProcess, what: str) -> bool:
    return kept_running(process) and what in process.log.read_text()


def take_away(step: str, admin: Kubectl, process: OperatorProcess, folder: Path) -> None:
    timeout = "--timeout=90s"
    if step == "pipelines":
        if admin.get("crd", RESOURCE) is not None:  # else they went with it
            admin.run("delete", RESOURCE, "--all", timeout)
    elif step == "crd":
        admin.run("delete", "crd", RESOURCE, timeout)
    else:
        process.kill()
        if admin.get("crd", RESOURCE) is not None:
            as_documented(admin, folder)
        kinds = "deployments,services,serviceaccounts,pdb,roles,rolebindings"
        admin.within("anomaly-system").run("delete", kinds, "-l", OURS, timeout)
        admin.run("delete", "clusterroles,clusterrolebindings", "-l", OURS, timeout)


def as_documented(admin: Kubectl, folder: Path) -> None:
    """What docs/install.md says where there is no Helm, word by word."""
    (commands,) = [
        block
        for block in re.findall(r"```\n(.*?)```", INSTALL.read_text(), re.DOTALL)
        if "finalizers" in block
    ]
    (folder / "kubectl").symlink_to(admin.binary)
    environ = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "KUBECONFIG": str(admin.kubeconfig),
        "HOME": str(folder),  # kubectl keeps its cache there
    }
    subprocess.run(["sh", "-ec", commands], env=environ, check=True, timeout=90)


def left_over(admin: Kubectl) -> list[str]:
    kinds = f"{KINDS},clusterroles,clusterrolebindings"
    answer = admin.run("get", kinds, "--all-namespaces", "-l", OURS, "-o", "json")
    found = [f"{o['kind']}/{o['metadata']['name']}" for o in json.loads(answer)["items"]]
    if admin.get("crd", RESOURCE) is not None:
        found.append("the CRD")
    assert not found, found
    return found
