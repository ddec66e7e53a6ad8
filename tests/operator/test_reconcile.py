"""The loop: what it writes, when it is silent, and what it tells."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from anomaly_operator import kinds, names
from anomaly_operator.errors import ApiError, Retry
from anomaly_operator.inventory import controller_of
from anomaly_operator.kinds import Kind
from anomaly_operator.reconcile import SETTLING_SECONDS
from anomaly_operator.status.conditions import Type
from operators import START, Stage, a_resource, some_stats

UNAVAILABLE = ApiError(503, "the server is busy")
CHILDREN = [
    (kinds.SERVICE_ACCOUNT, "boiler"),
    (kinds.CONFIG_MAP, "boiler-config"),
    (kinds.DEPLOYMENT, "boiler"),
    (kinds.SERVICE, "boiler"),
    (kinds.SERVICE, "boiler-metrics"),
    (kinds.SERVICE, "boiler-redis"),
    (kinds.STATEFUL_SET, "boiler-redis"),
    (kinds.INGRESS, "boiler"),
    (kinds.AUTOSCALER, "boiler"),
    (kinds.SERVICE_MONITOR, "boiler"),
    (kinds.PROMETHEUS_RULE, "boiler"),
    (kinds.CONFIG_MAP, "boiler-dashboard"),
]


async def test_a_new_pipeline_gets_its_children_and_then_becomes_ready() -> None:
    """Ready only when pods, Redis and route are."""
    stage = Stage()

    await stage.reconcile()
    for kind, name in CHILDREN:
        assert stage.cluster.find(kind, name) is not None, name
    assert stage.says(Type.READY)[0] == "False"

    stage.bring_up()
    await stage.reconcile()
    assert stage.says(Type.READY) == ("True", "Ready")
    status = stage.resource()["status"]
    assert status["endpoint"] == "http://192.0.2.7/team/boiler"
    assert (status["replicas"], status["readyReplicas"]) == (1, 1)
    assert status["observedGeneration"] == 1


async def test_the_pods_learn_where_people_reach_them_once_the_route_is_in_service() -> None:
    """For links in alerts, without new pods; before that they know none rather than a dead one."""
    stage = Stage()
    await stage.reconcile()
    assert "publicUrl" not in document(stage)
    template = live(stage, kinds.DEPLOYMENT, "boiler")["spec"]["template"]

    stage.bring_up()
    await stage.reconcile()
    assert document(stage)["publicUrl"] == "http://192.0.2.7/team/boiler"
    assert live(stage, kinds.DEPLOYMENT, "boiler")["spec"]["template"] == template


def document(stage: Stage) -> dict[str, Any]:
    text = live(stage, kinds.CONFIG_MAP, "boiler-config")["data"]["pipeline.json"]
    found: dict[str, Any] = json.loads(text)
    return found


def live(stage: Stage, kind: Kind, name: str) -> dict[str, Any]:
    found = stage.cluster.find(kind, name)
    assert found is not None
    return found


async def test_a_steady_state_makes_no_request_at_all() -> None:
    """However often it is looked at."""
    stage = Stage()
    await stage.settle()
    stage.cluster.requests.clear()

    for _ in range(5):
        stage.seconds += 30
        await stage.reconcile()

    assert stage.cluster.requests == []


async def test_a_new_operator_writes_nothing_that_is_already_so() -> None:
    """After a restart every child is applied once more, to no effect, and status not at all."""
    stage = Stage()
    await stage.settle()
    before = dict(stage.cluster.objects)
    stage.restart_operator()
    stage.cluster.requests.clear()

    await stage.reconcile()

    assert dict(stage.cluster.objects) == before
    assert {verb for verb, _, _ in stage.cluster.requests} == {"get", "patch"}
    assert ("patch", "anomalypipelines/status", "boiler") not in stage.cluster.requests


@pytest.mark.parametrize(("kind", "name"), CHILDREN, ids=lambda value: getattr(value, "kind", ""))
async def test_a_deleted_child_comes_back(kind: Kind, name: str) -> None:
    """Of every kind."""
    stage = Stage()
    await stage.settle()
    stage.cluster.remove(kind, name)

    await stage.reconcile()

    assert stage.cluster.find(kind, name) is not None


async def test_an_edited_child_is_set_right_and_foreign_labels_survive() -> None:
    """What we want is restored; what somebody added beside it stays."""
    stage = Stage()
    await stage.settle()
    live = stage.cluster.find(kinds.DEPLOYMENT, "boiler")
    assert live is not None
    live["spec"]["strategy"] = {"type": "Recreate"}
    live["metadata"]["labels"]["team"] = "red"
    stage.cluster.put(live)

    await stage.reconcile()

    healed = stage.cluster.find(kinds.DEPLOYMENT, "boiler")
    assert healed is not None
    assert healed["spec"]["strategy"]["type"] == "RollingUpdate"
    assert healed["metadata"]["labels"]["team"] == "red"


async def test_the_autoscalers_number_is_left_alone() -> None:
    """Twenty looks and none of them writes replicas."""
    stage = Stage()
    await stage.settle()
    live = stage.cluster.find(kinds.DEPLOYMENT, "boiler")
    assert live is not None
    live["spec"]["replicas"] = 4
    stage.cluster.put(live)
    stage.cluster.requests.clear()

    for _ in range(20):
        await stage.reconcile()

    healed = stage.cluster.find(kinds.DEPLOYMENT, "boiler")
    assert healed is not None
    assert healed["spec"]["replicas"] == 4
    assert ("patch", "deployments", "boiler") not in stage.cluster.requests
    assert [e["message"] for e in stage.cluster.events if e["reason"] == "Scaled"] == [
        "From 1 to 4 pods"
    ]


async def test_a_fixed_number_of_pods_is_restored() -> None:
    """Without autoscaling, replicas are ours."""
    stage = Stage({"replicas": 2, "autoscaling": {"enabled": False}})
    await stage.settle()
    live = stage.cluster.find(kinds.DEPLOYMENT, "boiler")
    assert live is not None
    live["spec"]["replicas"] = 9
    stage.cluster.put(live)

    await stage.reconcile()

    healed = stage.cluster.find(kinds.DEPLOYMENT, "boiler")
    assert healed is not None
    assert healed["spec"]["replicas"] == 2


async def test_switching_autoscaling_on_keeps_the_pods_that_run() -> None:
    """Replicas are handed to another manager first; dropping the field would reset it to 1."""
    stage = Stage({"replicas": 5, "autoscaling": {"enabled": False}})
    await stage.settle()

    stage.edit({"autoscaling": {"minReplicas": 2}})
    await stage.reconcile()

    live = stage.cluster.find(kinds.DEPLOYMENT, "boiler")
    assert live is not None
    assert live["spec"]["replicas"] == 5
    managers = {entry["manager"] for entry in live["metadata"]["managedFields"]}
    assert managers == {names.HANDOFF_MANAGER}


async def test_what_is_switched_off_is_deleted() -> None:
    """And nothing else."""
    stage = Stage()
    await stage.settle()

    stage.edit({"expose": {"type": "None"}, "autoscaling": {"enabled": False}})
    await stage.reconcile()

    deleted = {request[1:] for request in stage.cluster.requests if request[0] == "delete"}
    assert deleted == {("ingresses", "boiler"), ("horizontalpodautoscalers", "boiler")}


async def test_a_missing_optional_api_is_a_condition_and_heals() -> None:
    """The pipeline is ready all the same."""
    stage = Stage()
    stage.cluster.absent = {kinds.SERVICE_MONITOR, kinds.PROMETHEUS_RULE}
    await stage.settle()
    assert stage.says(Type.MONITORING_CONFIGURED) == ("False", "CRDNotInstalled")
    assert stage.says(Type.READY)[0] == "True"

    stage.cluster.absent = set()
    await stage.reconcile()

    assert stage.says(Type.MONITORING_CONFIGURED) == ("True", "MonitoringApplied")


async def test_an_object_of_somebody_else_is_neither_taken_nor_touched() -> None:
    """The condition names it; the other children are made."""
    stage = Stage()
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "boiler", "namespace": "team"},
        "spec": {"clusterIP": "10.9.9.9"},
    }
    stage.cluster.put(foreign)

    await stage.reconcile()

    live = stage.cluster.find(kinds.SERVICE, "boiler")
    assert live is not None
    assert live["spec"] == {"clusterIP": "10.9.9.9"}
    assert stage.says(Type.APPLIED) == ("False", "OwnershipConflict")
    assert "Service boiler" in stage.condition(Type.READY)["message"]
    assert stage.cluster.find(kinds.DEPLOYMENT, "boiler") is not None

    stage.cluster.remove(kinds.SERVICE, "boiler")
    await stage.reconcile()
    assert stage.says(Type.APPLIED) == ("True", "Applied")


async def test_a_foreign_secret_is_not_used_as_ours() -> None:
    """Nor overwritten."""
    stage = Stage()
    stage.cluster.put(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "boiler-redis", "namespace": "team"},
        }
    )

    await stage.reconcile()

    assert stage.says(Type.APPLIED) == ("False", "OwnershipConflict")
    theirs = stage.cluster.find(kinds.SECRET, "boiler-redis")
    assert theirs is not None
    assert "data" not in theirs


async def test_children_of_a_deleted_namesake_are_waited_for() -> None:
    """The garbage collector is on its way; taking them over would lose them to it."""
    stage = Stage()
    await stage.settle()
    stage.put_resource(a_resource(uid="another-uid"))

    with pytest.raises(Retry, match="being collected") as waiting:
        await stage.reconcile()

    assert waiting.value.at_most <= 5, "the Secret goes without an event"
    assert stage.says(Type.APPLIED) == ("Unknown", "ApplyPending")
    for kind, name in CHILDREN:
        live = stage.cluster.find(kind, name)
        assert live is not None
        assert controller_of(live)["uid"] == "cr-uid"


async def test_a_deletion_that_the_watch_has_missed_does_not_hold_up_a_namesake() -> None:
    """What the inventory still shows is looked up before it counts."""
    stage = Stage()
    await stage.settle()
    stage.put_resource(a_resource(uid="another-uid"))
    body = stage.cluster.find(kinds.PIPELINE, "boiler")
    assert body is not None
    stage.known.put_pipeline(body, watched=True)
    stage.cluster.remove(kinds.SECRET, "boiler-redis")
    for kind, name in CHILDREN:
        stage.cluster.remove(kind, name)

    await stage.reconciler.reconcile(stage.key)

    for kind, name in CHILDREN:
        live = stage.cluster.find(kind, name)
        assert live is not None
        assert controller_of(live)["uid"] == "another-uid"


async def test_orphaned_children_are_adopted() -> None:
    """They carry our labels and have no owner since `kubectl delete --cascade=orphan`."""
    stage = Stage()
    await stage.settle()
    live = stage.cluster.find(kinds.DEPLOYMENT, "boiler")
    assert live is not None
    live["metadata"]["ownerReferences"] = []
    stage.cluster.put(live)

    await stage.reconcile()

    adopted = stage.cluster.find(kinds.DEPLOYMENT, "boiler")
    assert adopted is not None
    assert controller_of(adopted)["uid"] == "cr-uid"


async def test_a_pipeline_that_is_being_deleted_is_left_alone() -> None:
    """Else its children would come back while they are being collected."""
    stage = Stage()
    await stage.settle()
    body = stage.resource()
    body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    stage.cluster.put(body)
    stage.cluster.remove(kinds.DEPLOYMENT, "boiler")
    stage.cluster.requests.clear()

    assert await stage.reconcile() is None
    assert stage.cluster.requests == []


async def test_the_password_is_made_once() -> None:
    """Not again by a look, nor by another operator process."""
    stage = Stage()
    await stage.settle()
    secret = stage.cluster.find(kinds.SECRET, "boiler-redis")

    stage.restart_operator()
    stage.seconds += 10_000
    await stage.reconcile()

    assert stage.cluster.find(kinds.SECRET, "boiler-redis") == secret


async def test_a_lost_password_is_replaced_and_both_sides_restart() -> None:
    """Redis and the pods must agree on the new one."""
    stage = Stage()
    await stage.settle()
    templates = [_template(stage, *each) for each in CHILDREN if each[0].group == "apps"]
    stage.cluster.remove(kinds.SECRET, "boiler-redis")
    stage.seconds += stage.settings.resync_seconds + 1

    await stage.reconcile()

    assert stage.cluster.find(kinds.SECRET, "boiler-redis") is not None
    after = [_template(stage, *each) for each in CHILDREN if each[0].group == "apps"]
    assert all(one != other for one, other in zip(templates, after, strict=True))


async def test_a_lost_password_is_missed_at_once_by_a_pod_that_starts() -> None:
    """One that scaling has added, say, though the pipeline is ready."""
    stage = Stage()
    await stage.settle()
    stage.cluster.remove(kinds.SECRET, "boiler-redis")
    stage.cluster.set_status(
        kinds.DEPLOYMENT, "boiler", {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 1}
    )
    stage.seconds += 6

    await stage.reconcile()

    assert stage.cluster.find(kinds.SECRET, "boiler-redis") is not None


async def test_an_invalid_spec_is_a_condition_and_children_stay() -> None:
    """Nothing is torn down for a typo; the next good spec heals it."""
    stage = Stage()
    await stage.settle()
    stage.edit({"detection": {"window": 20}})
    stage.cluster.requests.clear()

    await stage.reconcile()
    assert stage.says(Type.SPEC_VALID) == ("False", "InvalidSpec")
    assert "spec.detection.minSamples" in stage.condition(Type.READY)["message"]
    assert stage.resource()["status"]["observedGeneration"] == 2
    assert {request[1] for request in stage.cluster.writes()} == {
        "anomalypipelines/status",
        "events",
    }

    stage.edit({})
    await stage.reconcile()
    assert stage.says(Type.READY) == ("True", "Ready")


async def test_a_busy_api_server_is_tried_again() -> None:
    """The queue comes back; what could be applied was."""
    stage = Stage()
    stage.cluster.failing["patch", "deployments"] = UNAVAILABLE

    with pytest.raises(Retry):
        await stage.reconcile()
    assert stage.cluster.find(kinds.SERVICE, "boiler") is not None
    assert stage.says(Type.APPLIED) == ("Unknown", "ApplyPending")

    stage.cluster.failing.clear()
    await stage.settle()
    assert stage.says(Type.READY) == ("True", "Ready")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ApiError(403, 'is forbidden: User "x" cannot patch'), "Forbidden"),
        (ApiError(403, "is forbidden: exceeded quota: q"), "QuotaExceeded"),
        (ApiError(403, "unable to create: it is being terminated"), "NamespaceTerminating"),
        (ApiError(403, 'admission webhook "w" denied the request: no'), "Rejected"),
        (ApiError(422, "spec.selector: field is immutable"), "ImmutableField"),
        (ApiError(422, "updates to statefulset spec for fields other than"), "ImmutableField"),
        (ApiError(422, "Only one reference can have Controller set to true"), "OwnershipConflict"),
        (ApiError(422, "limits: must be greater than requests"), "Rejected"),
        (ApiError(400, "bad"), "Rejected"),
    ],
)
async def test_a_refusal_becomes_a_reason(error: ApiError, reason: str) -> None:
    """Nothing is retried in a hurry, and nothing is deleted to make way."""
    stage = Stage()
    stage.cluster.failing["patch", "deployments"] = error

    await stage.reconcile()

    assert stage.says(Type.APPLIED) == ("False", reason)
    assert error.message in stage.condition(Type.APPLIED)["message"]
    assert not [request for request in stage.cluster.requests if request[0] == "delete"]


async def test_fields_that_contradict_ours_are_taken_over_and_removed() -> None:
    """Somebody's `kubectl edit` made the sum of both invalid; only then do we take such fields."""
    stage = Stage()
    await stage.settle()
    live = stage.cluster.find(kinds.SERVICE, "boiler")
    assert live is not None
    ours = {"manager": names.FIELD_MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": {}}}
    edit = {"manager": "edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:ports": {}}}}
    live["metadata"]["managedFields"] = [ours, edit]
    live["spec"]["ports"] = []
    stage.cluster.put(live)
    refusal = ApiError(422, "Duplicate value: http")
    stage.cluster.failing["patch", "services"] = refusal
    stage.cluster.failing_times["patch", "services"] = 1

    await stage.reconcile()

    healed = stage.cluster.find(kinds.SERVICE, "boiler")
    assert healed is not None
    assert healed["spec"]["ports"][0]["port"] == 80
    assert [e["manager"] for e in healed["metadata"]["managedFields"]] == [names.FIELD_MANAGER]
    assert stage.says(Type.APPLIED) == ("True", "Applied")


async def test_why_pods_wait_is_told() -> None:
    """Pods are listed only while something is not ready."""
    stage = Stage()
    await stage.settle()
    stage.edit({"image": "nope:1"})
    await stage.reconcile()
    stage.cluster.put(_pod({"waiting": {"reason": "ErrImagePull", "message": "not found"}}))
    assert _lists_of_pods(stage) == 0, "nobody has started a pod of this template yet"

    stage.notice()
    await stage.reconcile()
    await stage.reconcile()

    assert stage.says(Type.READY) == ("False", "ImagePullBackOff")
    assert "nope:1" in stage.condition(Type.READY)["message"]
    assert _lists_of_pods(stage) == 1, "one for all components, and none for each event"
    stage.seconds += SETTLING_SECONDS
    await stage.reconcile()
    assert _lists_of_pods(stage) == 2


async def test_ready_is_never_claimed_for_an_older_generation() -> None:
    """Right after an edit the rollout is not over, though old pods are ready."""
    stage = Stage()
    await stage.settle()

    stage.edit({"detection": {"window": 240}})
    await stage.reconcile()

    ready = stage.condition(Type.READY)
    assert (ready["status"], ready["reason"]) == ("False", "RollingOut")
    assert ready["observedGeneration"] == 2


async def test_the_pipelines_own_word_on_redis_counts() -> None:
    """With a Redis of the user's there is no other."""
    stage = Stage({"redis": {"mode": "Standalone", "urls": ["r:6379"]}})
    await stage.settle()
    assert stage.says(Type.READY) == ("Unknown", "NotReported")

    stage.seconds += 30
    stage.stats.answer = some_stats()
    await stage.reconcile()
    assert stage.says(Type.READY) == ("True", "Ready")

    stage.seconds += 30
    stage.stats.answer = some_stats(redis_up=False, redis_error="WRONGPASS invalid password")
    await stage.reconcile()
    assert stage.says(Type.READY) == ("False", "AuthenticationFailed")


async def test_a_pod_that_never_got_ready_is_asked_directly() -> None:
    """With a wrong password from the start the Service has no pod behind it."""
    stage = Stage({"redis": {"mode": "Standalone", "urls": ["r:6379"]}})
    await stage.reconcile()
    pod = _pod({"running": {}})
    pod["status"]["podIP"] = "10.1.1.1"
    stage.cluster.put(pod)
    stage.notice()
    stage.stats.answer = some_stats(redis_up=False, redis_error="NOAUTH")
    stage.seconds += 30

    await stage.reconcile()

    assert stage.says(Type.READY) == ("False", "AuthenticationFailed")
    assert stage.stats.asked_at == ("10.1.1.1", 9090)


async def test_pods_that_never_answer_hold_nobody_up() -> None:
    """The next one in the queue is not made to wait for their figures."""
    stage = Stage({"redis": {"mode": "Standalone", "urls": ["r:6379"]}})
    stage.stats.answer = some_stats()
    await stage.settle()
    stage.stats.silent = asyncio.Event()
    stage.seconds += 1000
    async with asyncio.timeout(60):
        await stage.reconcile()

    assert stage.stats.asked_at is not None
    stage.stats.silent.set()


async def test_one_missed_answer_changes_nothing() -> None:
    """Three in a row do."""
    stage = Stage({"redis": {"mode": "Standalone", "urls": ["r:6379"]}})
    stage.stats.answer = some_stats()
    await stage.settle()
    stage.stats.answer = None

    seen = []
    for _ in range(3):
        stage.seconds += 30
        await stage.reconcile()
        seen.append(stage.says(Type.REDIS_REACHABLE)[0])

    assert seen == ["True", "True", "Unknown"]


async def test_figures_change_at_most_once_a_minute() -> None:
    """Under a steady stream the status is written once a minute, rounded."""
    stage = Stage()
    stage.stats.answer = some_stats()
    await stage.settle()
    stage.cluster.requests.clear()

    for step in range(1, 21):
        stage.seconds += 30
        last = START + timedelta(seconds=stage.seconds)
        stage.stats.answer = some_stats(samples=step * 37_000, series=step, last_sample=last)
        await stage.reconcile()

    status = stage.resource()["status"]
    writes = [r for r in stage.cluster.requests if r[1] == "anomalypipelines/status"]
    assert status["samplesPerSecond"] == "1.2k"
    assert status["lastSampleTime"].endswith(":00Z")
    assert len(writes) <= 11
    assert stage.says(Type.DATA_FLOWING) == ("True", "SamplesArriving")


async def test_the_first_rate_is_shown_as_soon_as_it_is_known() -> None:
    """With the second look at the figures, in the column and in DataFlowing."""
    stage = Stage()
    stage.stats.answer = some_stats(samples=100, series=1, last_sample=stage.now())
    await stage.settle()
    assert "samplesPerSecond" not in stage.resource()["status"]

    stage.seconds += 30
    stage.stats.answer = some_stats(samples=700, series=1, last_sample=stage.now())
    await stage.reconcile()

    assert stage.resource()["status"]["samplesPerSecond"] == "20"
    assert "at 20 a second" in stage.condition(Type.DATA_FLOWING)["message"]


async def test_a_redis_of_before_keeps_what_cannot_be_changed() -> None:
    """A new one has its broken pod replaced after a correction; an old one is not refused."""
    stage = Stage()
    await stage.settle()
    made = stage.cluster.find(kinds.STATEFUL_SET, "boiler-redis")
    assert made is not None
    assert made["spec"]["podManagementPolicy"] == "Parallel"

    made["spec"]["podManagementPolicy"] = "OrderedReady"
    stage.cluster.put(made)
    stage.edit({"redis": {"managed": {"image": "redis:9"}}})
    await stage.reconcile()

    live = stage.cluster.find(kinds.STATEFUL_SET, "boiler-redis")
    assert live is not None
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "redis:9"
    assert live["spec"]["podManagementPolicy"] == "OrderedReady"


async def test_figures_survive_a_redis_that_is_away() -> None:
    """Pods that do not reach it know none: what was told stays, and no rate leaps afterwards."""
    stage = Stage()
    rates = []

    async def minute(**changes: Any) -> None:
        stage.stats.answer = some_stats(**{"last_sample": stage.now(), **changes})
        for _ in range(2):
            stage.seconds += 35
            await stage.reconcile()
        rates.append(stage.resource()["status"].get("samplesPerSecond"))

    stage.stats.answer = some_stats()
    await stage.settle()
    await minute(samples=1_000_000, series=7, anomalies_last_hour=3)
    await minute(redis_up=False, redis_error="refused", last_sample=None)
    outage = stage.resource()["status"]
    flowing = stage.says(Type.DATA_FLOWING)
    await minute(samples=1_000_000, series=7)
    await minute(samples=1_000_000, series=7)

    assert (outage["series"], outage["anomaliesLastHour"]) == (7, 3)
    assert flowing == ("Unknown", "NotReported")
    assert rates[1:] == ["0", "0", "0"]
    assert stage.says(Type.DATA_FLOWING) == ("True", "SamplesArriving")


async def test_events_are_posted_on_transitions_only() -> None:
    """Created, Ready, NotReady with its reason, Ready again; silence in between."""
    stage = Stage()
    await stage.settle()
    for _ in range(5):
        await stage.reconcile()
    stage.cluster.set_status(kinds.STATEFUL_SET, "boiler-redis", {"readyReplicas": 0})
    for _ in range(5):
        await stage.reconcile()
    stage.bring_up()
    await stage.reconcile()

    told = [(e["reason"], e["type"]) for e in stage.cluster.events]
    assert told == [
        ("Created", "Normal"),
        ("Ready", "Normal"),
        ("NotReady", "Warning"),
        ("Ready", "Normal"),
    ]
    assert stage.cluster.events[2]["message"].startswith("ManagedRedisNotReady:")


async def test_transition_times_move_with_the_status_alone() -> None:
    """A new message or generation is no transition."""
    stage = Stage()
    await stage.settle()
    before = stage.condition(Type.ROUTE_ACCEPTED)
    stage.seconds += 100

    stage.edit({"detection": {"threshold": "3"}})
    await stage.reconcile()

    after = stage.condition(Type.ROUTE_ACCEPTED)
    assert after["lastTransitionTime"] == before["lastTransitionTime"]
    assert after["observedGeneration"] == before["observedGeneration"] + 1


async def test_looks_are_frequent_only_while_something_is_wrong() -> None:
    """Five seconds at first, fifteen later, the interval of the figures when all is well."""
    stage = Stage()
    assert await stage.reconcile() == pytest.approx(5)
    stage.seconds += 121
    assert await stage.reconcile() == pytest.approx(15)
    stage.bring_up()
    assert await stage.reconcile() == pytest.approx(stage.settings.stats_seconds)


async def test_a_long_name_works_all_the_way() -> None:
    """Children have shortened names, and are found again by them."""
    stage = Stage(name="pipeline-of-the-boiler-in-the-second-basement-of-the-old-mill.north")
    await stage.reconcile()
    stage.cluster.requests.clear()

    await stage.reconcile()

    assert stage.cluster.writes() == []
    kept: dict[str, Any] = dict(stage.known.children(stage.key))
    assert len(kept) == len(CHILDREN)


def _template(stage: Stage, kind: Kind, name: str) -> Any:
    live = stage.cluster.find(kind, name)
    assert live is not None
    return live["spec"]["template"]


def _lists_of_pods(stage: Stage) -> int:
    return sum(1 for verb, resource, _ in stage.cluster.requests if resource == "pods")


def _pod(state: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "boiler-1",
            "namespace": "team",
            "labels": names.selector("boiler", names.DATAPLANE),
        },
        "status": {
            "containerStatuses": [
                {"name": "dataplane", "image": "nope:1", "ready": False, "state": state}
            ]
        },
    }
