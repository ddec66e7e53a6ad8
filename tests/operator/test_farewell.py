"""A pipeline with `deletionPolicy: Delete` goes after its state, and never waits for ever."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anomaly_operator import kinds, names, spec
from anomaly_operator.desired.purgejob import purge_job
from anomaly_operator.errors import ApiError
from anomaly_operator.settings import Settings
from anomaly_operator.status.conditions import Type
from operators import Stage, a_resource

EXTERNAL = {"mode": "Standalone", "urls": ["r:6379"], "secretRef": {"name": "access"}}
SPEC: dict[str, Any] = {"redis": EXTERNAL, "deletionPolicy": "Delete"}


def finalizers(stage: Stage) -> list[str]:
    return list(stage.resource()["metadata"].get("finalizers") or ())


def events(stage: Stage) -> list[str]:
    return [event["reason"] for event in stage.cluster.events]


def gone(stage: Stage) -> bool:
    return stage.cluster.find(kinds.PIPELINE, "boiler") is None


async def deleted(more: dict[str, Any] | None = None) -> Stage:
    """One that was up, and is deleted."""
    stage = Stage({**SPEC, **(more or {})})
    await stage.settle()
    stage.delete()
    return stage


def a_pod(component: str, **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"boiler-{component}-x",
            "namespace": "team",
            "labels": names.labels("boiler", component),
        },
        "status": status,
    }


async def test_only_a_pipeline_that_asks_for_it_has_a_finalizer() -> None:
    """It comes before the first object that could write, and goes with the wish."""
    stage = Stage(SPEC)
    await stage.reconcile()
    assert finalizers(stage) == [names.FINALIZER]
    writes = [resource for _, resource, _ in stage.cluster.writes()]
    assert writes[0] == "anomalypipelines"

    held = stage.resource()["metadata"]["finalizers"]
    body = a_resource({**SPEC, "deletionPolicy": "Retain"}, generation=2)
    body["metadata"]["finalizers"] = [*held, "somebody.example/else"]
    stage.put_resource(body)
    await stage.reconcile()
    assert finalizers(stage) == ["somebody.example/else"]


@pytest.mark.parametrize("wanted", [{}, {"redis": EXTERNAL}, {"deletionPolicy": "Delete"}])
async def test_none_is_set_for_what_is_retained_or_managed(wanted: dict[str, Any]) -> None:
    """The managed Redis goes with its pipeline anyway."""
    stage = Stage(wanted)
    await stage.settle()
    assert finalizers(stage) == []


async def test_the_pods_go_before_the_keys_and_the_keys_before_the_pipeline() -> None:
    """Each step waits for the one before; status and events tell of it."""
    stage = await deleted()
    stage.cluster.put(a_pod(names.DATAPLANE, phase="Running"))

    await stage.reconcile()
    assert stage.cluster.find(kinds.DEPLOYMENT, "boiler") is None
    assert stage.says(Type.READY) == ("False", "Purging")
    await stage.reconcile()
    assert stage.job() is None, "a pod still runs"

    stage.cluster.remove(kinds.POD, "boiler-dataplane-x")
    await stage.reconcile()
    assert stage.job() is not None
    assert not gone(stage)

    last = {"terminated": {"exitCode": 0, "message": "12 series\n40 keys removed\n"}}
    status = {"name": "purge", "state": last}
    stage.cluster.put(a_pod(names.PURGE, phase="Succeeded", containerStatuses=[status]))
    stage.end_job("Complete")
    assert await stage.reconcile() is None
    assert gone(stage)
    assert stage.job() is None
    assert events(stage)[-2:] == ["Purging", "Purged"]
    assert stage.cluster.events[-1]["message"] == "40 keys removed"


async def test_an_operator_that_starts_anew_goes_on() -> None:
    """After any of the steps, with one Job only."""
    stage = await deleted()
    for _ in range(4):
        await stage.reconcile()
        stage.restart_operator()
    created = [r for r in stage.cluster.requests if r[:2] == ("create", "jobs")]
    assert len(created) == 1
    stage.end_job("Complete")
    await stage.reconcile()
    assert gone(stage)


async def test_a_job_that_fails_is_told_and_does_not_hold_the_pipeline() -> None:
    """Redis gone, or the rights."""
    stage = await deleted()
    for _ in range(2):
        await stage.reconcile()
    stage.end_job("Failed")
    await stage.reconcile()
    assert gone(stage)
    assert events(stage)[-1] == "PurgeFailed"
    assert "by the test" in stage.cluster.events[-1]["message"]


async def test_a_job_that_does_nothing_does_not_hold_it_for_ever() -> None:
    """No controller, no node, no image: what hinders it is in the status meanwhile."""
    stage = await deleted()
    for _ in range(2):
        await stage.reconcile()
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}}
    status = {"name": "purge", "image": "x:1", "ready": False, "state": waiting}
    stage.cluster.put(a_pod(names.PURGE, phase="Pending", containerStatuses=[status]))
    await stage.reconcile()
    conditions = stage.resource()["status"]["conditions"]
    ready = next(each for each in conditions if each["type"] == "Ready")
    assert 'Image "x:1" cannot be pulled' in ready["message"]

    stage.seconds += 340
    await stage.reconcile()
    assert gone(stage)
    assert 'Image "x:1" cannot be pulled' in stage.cluster.events[-1]["message"]


async def test_pods_that_do_not_stop_are_not_waited_for_for_ever() -> None:
    """A node that was lost keeps its pods in the list; nothing is removed under a live one."""
    stage = await deleted()
    stage.cluster.put(a_pod(names.DATAPLANE, phase="Running"))
    await stage.reconcile()
    stage.seconds += 301
    await stage.reconcile()
    assert gone(stage)
    assert stage.job() is None
    assert events(stage)[-1] == "PurgeFailed"


@pytest.mark.parametrize(
    ("error", "at_once"),
    [
        (ApiError(403, "unable to create: namespace team is being terminated"), True),
        (ApiError(403, "jobs is forbidden: exceeded quota: none"), False),
    ],
    ids=["namespace", "quota"],
)
async def test_a_job_that_cannot_be_made_holds_nothing(error: ApiError, at_once: bool) -> None:
    """A namespace that goes takes no Job; a quota may be lifted in time."""
    stage = await deleted()
    stage.cluster.failing["create", "jobs"] = error
    for _ in range(2):
        await stage.reconcile()
    assert gone(stage) is at_once
    stage.seconds += 301
    if not at_once:
        await stage.reconcile()
    assert gone(stage)
    assert events(stage)[-1] == "PurgeFailed"


async def test_rights_of_an_older_chart_hold_nothing() -> None:
    """The operator may not even look for the Job."""
    stage = await deleted()
    stage.cluster.failing["get", "jobs"] = ApiError(403, "jobs is forbidden")
    await stage.reconcile()
    assert stage.says(Type.READY) == ("False", "Purging")
    stage.seconds += 301
    await stage.reconcile()
    assert gone(stage)


async def test_a_change_to_retain_lets_a_waiting_pipeline_go() -> None:
    """The way out with an operator."""
    stage = await deleted()
    for _ in range(2):
        await stage.reconcile()
    assert stage.job() is not None
    body = stage.resource()
    body["spec"]["deletionPolicy"] = "Retain"
    body["metadata"]["generation"] += 1
    stage.put_resource(body)
    await stage.reconcile()
    assert gone(stage)
    assert stage.job() is None


async def test_a_paused_and_a_suspended_pipeline_are_purged_too() -> None:
    """Whoever deletes means it."""
    stage = await deleted({"suspend": True})
    body = stage.resource()
    body["metadata"]["annotations"] = {names.ANNOTATION_PAUSED: "true"}
    stage.put_resource(body)
    for _ in range(2):
        await stage.reconcile()
    stage.end_job("Complete")
    await stage.reconcile()
    assert gone(stage)


def test_the_job_has_what_a_pod_has_to_reach_redis_and_no_owner() -> None:
    """Image, Secret, scheduling; deadline and TTL of its own; and no sidecar."""
    more = {
        "image": "registry.example/dataplane:2",
        "imagePullSecrets": [{"name": "pull"}],
        "podTemplate": {
            "spec": {"nodeSelector": {"disk": "ssd"}, "containers": [{"name": "sidecar"}]}
        },
        "redis": {**EXTERNAL, "tls": {"enabled": True}, "partitions": 7},
    }
    pipeline = spec.parse(a_resource({**SPEC, **more}), Settings())

    job = purge_job(pipeline, 300)

    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    env = {each["name"]: each for each in container["env"]}
    document = json.loads(env["ANOMALY_CONFIG_DOCUMENT"]["value"])
    assert "ownerReferences" not in job["metadata"]
    assert (job["spec"]["activeDeadlineSeconds"], pod["restartPolicy"]) == (300, "Never")
    assert job["spec"]["ttlSecondsAfterFinished"] > 0
    assert (container["image"], container["args"]) == ("registry.example/dataplane:2", ["purge"])
    assert document["redis"]["partitions"] == 7
    assert document["pipeline"]["uid"] == "cr-uid"
    assert env["REDIS_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "access"
    assert pod["volumes"][0]["secret"]["secretName"] == "access"
    assert pod["nodeSelector"] == {"disk": "ssd"}
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert pod["securityContext"]["runAsNonRoot"]
    assert len(job["metadata"]["name"]) <= 63


def test_the_longest_name_leaves_the_job_a_label_s_length() -> None:
    """Its pods carry it as a label."""
    assert len(names.purge("x" * 200, "uid")) <= 63
