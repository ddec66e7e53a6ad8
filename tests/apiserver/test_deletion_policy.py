"""`deletionPolicy: Delete` on a real API server: the state goes first, and nothing hangs.

No node runs the Job here: a test says in its status what came of it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from api_server import ApiServer
from kube import Kubectl, end_job, says
from operator_process import OperatorProcess, operator
from pipelines import resource
from polling import eventually

FINALIZER = "anomalypipeline.io/purge"
SPEC: dict[str, Any] = {
    "redis": {"mode": "Standalone", "urls": ["redis.example:6379"]},
    "deletionPolicy": "Delete",
}


def finalizers(kubectl: Kubectl) -> list[str]:
    return list(kubectl.need("ap", "boiler")["metadata"].get("finalizers") or ())


def running(kubectl: Kubectl) -> None:
    """A pipeline with all of its objects."""
    kubectl.apply(resource("boiler", SPEC))
    eventually("its Deployment", partial(kubectl.get, "deployment", "boiler"))
    assert finalizers(kubectl) == [FINALIZER]


def the_job(kubectl: Kubectl) -> str:
    """The name of the Job, once there is one."""
    (job,) = eventually("the Job", lambda: kubectl.list("job"))
    return str(job["metadata"]["name"])


def gone(kubectl: Kubectl) -> bool:
    return kubectl.get("ap", "boiler") is None


def told(kubectl: Kubectl, reason: str) -> list[str]:
    return [event["message"] for event in kubectl.list("events") if event["reason"] == reason]


def test_the_state_goes_first_though_the_operator_dies_at_every_step(
    kubectl: Kubectl, served: OperatorProcess
) -> None:
    """Also of a deletion in the foreground, which takes at once what the pipeline owns."""
    running(kubectl)
    served.kill()
    kubectl.delete("ap", "boiler", "--cascade=foreground", wait=False)
    served.start()
    job = the_job(kubectl)
    assert kubectl.get("deployment", "boiler") is None, "pods would write on"
    assert not kubectl.list("pods", "app.kubernetes.io/component=dataplane")
    served.kill()
    served.start()
    eventually("Purging", lambda: says(kubectl.need("ap", "boiler"), "Ready", "False", "Purging"))
    assert [each["metadata"]["name"] for each in kubectl.list("job")] == [job]
    assert FINALIZER in finalizers(kubectl)

    served.kill()
    end_job(kubectl, job, "Complete")
    served.start()

    eventually("the pipeline is gone", partial(gone, kubectl))
    eventually("the Job, too", lambda: not kubectl.list("job"))
    assert told(kubectl, "Purged")


def test_what_fails_or_never_ends_does_not_hold_the_deletion(
    kubectl: Kubectl, server: ApiServer, tmp_path: Path
) -> None:
    """First a Job that fails, then one that nobody runs; a Warning says that keys stay."""
    with operator(
        server.kubeconfig, tmp_path, watch_namespaces=kubectl.namespace, purge_seconds="5"
    ):
        running(kubectl)
        kubectl.delete("ap", "boiler", wait=False)
        end_job(kubectl, the_job(kubectl), "Failed")
        eventually("the pipeline is gone", partial(gone, kubectl))
        assert any("by the test" in text for text in told(kubectl, "PurgeFailed"))

        running(kubectl)
        kubectl.delete("ap", "boiler", wait=False)
        the_job(kubectl)
        eventually("the pipeline is gone", partial(gone, kubectl))
        eventually("both Jobs are", lambda: not kubectl.list("job"))


def test_ways_out_are_a_change_of_mind_and_the_finalizer(
    kubectl: Kubectl, served: OperatorProcess
) -> None:
    """With an operator and without one."""
    running(kubectl)
    kubectl.patch("ap", "boiler", {"spec": {"deletionPolicy": "Retain"}})
    eventually("no finalizer", lambda: not finalizers(kubectl))
    kubectl.patch("ap", "boiler", {"spec": {"deletionPolicy": "Delete"}})
    eventually("it is back", lambda: finalizers(kubectl) == [FINALIZER])
    kubectl.delete("ap", "boiler", wait=False)
    the_job(kubectl)
    kubectl.patch("ap", "boiler", {"spec": {"deletionPolicy": "Retain"}})
    eventually("the pipeline is gone", partial(gone, kubectl))
    assert not kubectl.list("job")

    running(kubectl)
    served.kill()
    kubectl.delete("ap", "boiler", wait=False)
    assert not gone(kubectl)
    kubectl.patch("ap", "boiler", {"metadata": {"finalizers": None}})
    eventually("the pipeline is gone", partial(gone, kubectl))


def test_a_namespace_that_is_deleted_takes_its_pipelines_along(
    kubectl: Kubectl, served: OperatorProcess
) -> None:
    """No Job can be made in it, so nothing is waited for."""
    running(kubectl)
    kubectl.run("delete", "namespace", kubectl.namespace, "--wait=false")
    eventually("the pipeline is gone", partial(gone, kubectl))
