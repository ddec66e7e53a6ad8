"""Several operators: one acts, another takes over, and pipelines are shared out by label."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator import names
from api_server import COLLECTOR, ApiServer, api_server
from fault_proxy import Fault, fault_proxy
from kube import Kubectl, created_at, says
from operator_process import OperatorProcess, operator
from pipelines import resource
from polling import eventually, never

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiServer, Path]]:
    """An API server that keeps a record of every write and who sent it."""
    folder = tmp_path_factory.mktemp("audit")
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "verbs": ["create", "update", "patch", "delete"]}],
    }
    (folder / "policy.yaml").write_text(yaml.safe_dump(policy))
    record = folder / "audit.log"
    with api_server(
        COLLECTOR,
        f"--audit-policy-file={folder}/policy.yaml",
        f"--audit-log-path={record}",
        "--audit-log-mode=blocking-strict",
    ) as server:
        yield server, record


def writes(record: Path) -> list[tuple[str, str, str]]:
    """Agent, resource and time of each write of an operator."""
    found = []
    for line in record.read_text().rpartition("\n")[0].splitlines():  # others write on
        entry: dict[str, Any] = json.loads(line)
        agent = entry.get("userAgent", "")
        if agent.startswith(f"{names.FIELD_MANAGER}/") and entry["responseStatus"]["code"] < 300:
            found.append((agent, entry["objectRef"]["resource"], entry["requestReceivedTimestamp"]))
    return found


def test_killing_the_leader_hands_over_and_a_stopped_one_never_writes_again(
    audited: tuple[ApiServer, Path], tmp_path: Path
) -> None:
    """Twice: by a crash, and by a process that stands still and comes back too late."""
    server, record = audited
    kubectl = server.kubectl()
    with ExitStack() as stack:
        lease = {"lease": "default/operator", "watch_namespaces": "default"}

        def another(name: str) -> OperatorProcess:
            return stack.enter_context(operator(server.kubeconfig, tmp_path, name=name, **lease))

        first = another("first")
        eventually("the first leads", partial(leads, first))
        second = another("second")
        assert not leads(second)
        assert second.get("/livez")[0] == 200

        first.kill()
        killed = time.time()
        kubectl.apply(resource("one"))
        made = eventually("the second acts", lambda: kubectl.get("deployment", "one"))
        assert created_at(made) - killed < 20

        third = another("third")
        assert second.process is not None
        os.kill(second.process.pid, signal.SIGSTOP)
        stopped = time.time()
        kubectl.apply(resource("two"))
        made = eventually("the third acts", lambda: kubectl.get("deployment", "two"))
        assert created_at(made) - stopped < 20
        kubectl.patch("ap", "one", {"spec": {"detection": {"threshold": "3"}}})
        os.kill(second.process.pid, signal.SIGCONT)
        assert second.process.wait(timeout=90) == 1, "the old leader ends, to be started anew"
        assert leads(third)

    by_agent: dict[str, list[str]] = {}
    for agent, what, when in writes(record):
        if what != "leases":
            by_agent.setdefault(agent, []).append(when)
    assert len(by_agent) >= 2
    spans = sorted((min(times), max(times)) for times in by_agent.values())
    for (_, last), (begin, _) in itertools.pairwise(spans):
        assert last < begin, "a write of an old leader after the first of a new one"


def test_a_leader_that_is_told_to_stop_hands_over_at_once(
    audited: tuple[ApiServer, Path], tmp_path: Path
) -> None:
    """A rolling update of the operator has no gap worth noticing."""
    server, _ = audited
    lease = {"lease": "default/rolling", "lease_seconds": "300", "watch_namespaces": "default"}
    with (
        operator(server.kubeconfig, tmp_path, name="old", **lease) as old,
        operator(server.kubeconfig, tmp_path, name="new", **lease) as new,
    ):
        eventually("one of them leads", lambda: leads(old) or leads(new))
        first, second = (old, new) if leads(old) else (new, old)
        first.stop()

        eventually("the other one leads", partial(leads, second))


def test_a_renewal_whose_answer_was_lost_ends_nobody(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    """The Lease has moved on, by the leader's own hand: it reads it, and goes on."""
    lease = {"lease": f"{kubectl.namespace}/operator", "watch_namespaces": kubectl.namespace}
    lost = Fault(
        lambda request: request.method == "PUT" and "/leases/" in request.path,
        code=0,
        times=1,
        after=True,
    )
    with fault_proxy(server) as proxy:
        config = proxy.kubeconfig(tmp_path / "kubeconfig")
        with operator(config, tmp_path, **lease) as process:
            eventually("it leads", partial(leads, process))
            proxy.faults.append(lost)
            eventually("an answer is lost", lambda: lost.met)
            before = renewed(kubectl)
            eventually("it is renewed again", lambda: renewed(kubectl) > before)

            assert leads(process)
            assert process.process is not None
            assert process.process.poll() is None


def leads(process: OperatorProcess) -> bool:
    return process.metric("anomaly_operator_leader") == 1


def renewed(kubectl: Kubectl) -> str:
    return str(kubectl.need("lease", "operator")["spec"]["renewTime"])


def test_pipelines_are_shared_out_by_label(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    """Each operator serves its own; a pipeline that is moved is not torn down on the way."""
    here = {"watch_namespaces": kubectl.namespace}
    marked = resource("blue")
    marked["metadata"]["labels"] = {names.LABEL_SERVED_BY: "blue"}
    with operator(server.kubeconfig, tmp_path, name="plain", **here) as plain:
        kubectl.apply(resource("plain"), marked)
        eventually("its own", lambda: kubectl.get("deployment", "plain"))
        never("the other's", lambda: kubectl.get("deployment", "blue"), during=3)

        with operator(server.kubeconfig, tmp_path, name="blue", instance="blue", **here):
            eventually("the other's", lambda: kubectl.get("deployment", "blue"))
            uid = kubectl.need("deployment", "plain")["metadata"]["uid"]
            kubectl.run("label", "ap/plain", f"{names.LABEL_SERVED_BY}=blue")
            plain.kill()
            kubectl.patch("ap", "plain", {"spec": {"image": "moved:1"}})
            eventually(
                "the blue one serves what was moved",
                lambda: "moved:1" in json.dumps(kubectl.need("deployment", "plain")["spec"]),
            )
            assert kubectl.need("deployment", "plain")["metadata"]["uid"] == uid


def test_a_role_in_its_namespace_is_all_that_a_namespaced_operator_needs(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    """With the rights of operator/RBAC.md and no others, a pipeline comes and is healed."""
    config = namespaced_account(server, kubectl, tmp_path)
    with operator(
        config,
        tmp_path,
        watch_namespaces=kubectl.namespace,
        lease=f"{kubectl.namespace}/operator",
    ) as process:
        kubectl.apply(resource("boiler", {"networkPolicy": {"enabled": True}}))
        eventually(
            "everything is applied",
            lambda: says(kubectl.need("ap", "boiler"), "Applied", "True"),
        )
        kubectl.delete("service", "boiler")
        eventually("it is healed", lambda: kubectl.get("service", "boiler"))
        assert process.metric("anomaly_operator_api_requests_total", code="403") == 0


def namespaced_account(server: ApiServer, kubectl: Kubectl, folder: Path) -> Path:
    """A kubeconfig with the token of an account that has the documented rights in one namespace."""
    text = (ROOT / "operator" / "RBAC.md").read_text()
    blocks = [part.partition("```")[0] for part in text.split("```yaml\n")[1:]]
    documented: dict[str, Any] = {}
    for block in blocks:
        documented |= yaml.safe_load(block)
    rules = documented["rules"] + documented["leaseRules"]
    api = "rbac.authorization.k8s.io/v1"
    kubectl.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "operator"}},
        {"apiVersion": api, "kind": "Role", "metadata": {"name": "operator"}, "rules": rules},
        {
            "apiVersion": api,
            "kind": "RoleBinding",
            "metadata": {"name": "operator"},
            "roleRef": {"apiGroup": api.partition("/")[0], "kind": "Role", "name": "operator"},
            "subjects": [
                {"kind": "ServiceAccount", "name": "operator", "namespace": kubectl.namespace}
            ],
        },
    )
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": kubectl.run("create", "token", "operator").strip()}
    path = folder / "namespaced-kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path
