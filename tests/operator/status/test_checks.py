"""Observed -> verdicts, case by case."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from anomaly_operator import inventory, kinds, observe, spec
from anomaly_operator.inventory import Child, ChildRef
from anomaly_operator.observe import Observed, Trouble
from anomaly_operator.settings import Settings
from anomaly_operator.status import checks, conditions, figures
from anomaly_operator.status.conditions import MAKE_READY, Type, no, unknown, yes
from anomaly_operator.status.reasons import Reason
from operators import START, a_resource, some_stats

Manifest = dict[str, Any]
OWN = {"redis": {"mode": "Standalone", "urls": ["r:1"]}}


def a_pipeline(wanted: Manifest | None = None) -> spec.Pipeline:
    return spec.parse(a_resource(wanted), Settings())


def a_child(kind: kinds.Kind, name: str, state: Manifest, generation: int = 1) -> Child:
    return inventory.child(
        {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": name, "namespace": "team", "generation": generation},
            "status": state,
        }
    )


def pods(ready: int, *, total: int | None = None, updated: int | None = None) -> Child:
    total = ready if total is None else total
    state = {
        "observedGeneration": 1,
        "replicas": total,
        "updatedReplicas": total if updated is None else updated,
        "readyReplicas": ready,
    }
    return a_child(kinds.DEPLOYMENT, "boiler", state)


def observed(*children: Child, **changes: Any) -> Observed:
    values: dict[str, Any] = {
        "children": {ChildRef(child.kind.kind, child.name): child for child in children},
        "failures": (),
        "pending": "",
        "dataplane_trouble": None,
        "redis_trouble": None,
        "stats": None,
        "samples_per_second": None,
        "served": kinds.OPTIONAL,
        "gateway": None,
        "now": START,
    }
    return Observed(**{**values, **changes})


@pytest.mark.parametrize(
    ("wanted", "child", "found"),
    [
        ({}, pods(1), ("True", "Available")),
        ({}, None, ("False", "WorkloadMissing")),
        ({}, pods(0, total=1), ("False", "PodsNotReady")),
        ({}, pods(1, total=4), ("True", "Available")),  # scaling up is no fault
        ({"autoscaling": {"minReplicas": 2}}, pods(1, total=2), ("False", "PodsNotReady")),
        ({}, pods(1, total=2, updated=1), ("False", "RollingOut")),
        ({}, pods(0, total=0), ("False", "RollingOut")),
    ],
)
def test_enough_pods_of_the_newest_version_are_wanted(
    wanted: Manifest, child: Child | None, found: tuple[str, str]
) -> None:
    """As many as there must be at least; a pod that scaling adds may take its time."""
    verdict = checks.workload_available(a_pipeline(wanted), observed(*([child] if child else [])))

    assert (verdict.status, verdict.reason) == found


def test_a_deployment_that_its_controller_has_not_seen_is_not_available() -> None:
    """Its status is about an older generation."""
    state = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}
    stale = a_child(kinds.DEPLOYMENT, "boiler", state, generation=2)

    assert checks.workload_available(a_pipeline(), observed(stale)).reason == "RollingOut"


def test_a_bad_new_version_is_told_though_the_old_one_serves() -> None:
    """With the reason of the pod, and the comfort that data still flows."""
    verdict = checks.workload_available(
        a_pipeline(),
        observed(
            pods(1, total=2, updated=1),
            dataplane_trouble=Trouble(Reason.IMAGE_PULL_BACK_OFF, "Image cannot be pulled"),
        ),
    )

    assert verdict.reason == "ImagePullBackOff"
    assert "still serve" in verdict.message


def test_pods_that_may_not_be_created_are_told() -> None:
    """Quota or policy."""
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    state = {"observedGeneration": 1, "conditions": [failure]}
    verdict = checks.workload_available(
        a_pipeline(), observed(a_child(kinds.DEPLOYMENT, "boiler", state))
    )

    assert (verdict.reason, "exceeded quota" in verdict.message) == ("PodsNotCreated", True)


STORE_UP = a_child(
    kinds.STATEFUL_SET, "boiler-redis", {"observedGeneration": 1, "readyReplicas": 1}
)


@pytest.mark.parametrize(
    ("wanted", "seen", "found"),
    [
        ({}, observed(), ("False", "ManagedRedisNotReady")),
        ({}, observed(STORE_UP), ("True", "ManagedRedisReady")),
        ({}, observed(STORE_UP, stats=some_stats()), ("True", "Connected")),
        (
            {},
            observed(redis_trouble=Trouble(Reason.UNSCHEDULABLE, "no node")),
            ("False", "Unschedulable"),
        ),
        (
            {},
            observed(STORE_UP, stats=some_stats(redis_up=False, redis_error="timed out")),
            ("False", "Unreachable"),
        ),
        (OWN, observed(), ("Unknown", "NotReported")),
        (OWN, observed(stats=some_stats()), ("True", "Connected")),
        (
            OWN,
            observed(stats=some_stats(redis_up=False, redis_error="NOAUTH Authentication")),
            ("False", "AuthenticationFailed"),
        ),
        (
            OWN,
            observed(stats=some_stats(redis_up=False, redis_error="Redis: auth: invalid pair")),
            ("False", "AuthenticationFailed"),
        ),
        (
            OWN,
            observed(stats=some_stats(redis_up=False, redis_error="Redis: permission: may not")),
            ("False", "AuthenticationFailed"),
        ),
        (
            OWN,
            observed(stats=some_stats(redis_up=False, redis_error="Redis: tls: r:1: unknown CA")),
            ("False", "SecretUnusable"),
        ),
        (
            OWN,
            observed(stats=some_stats(redis_up=False, redis_error="author.example: no route")),
            ("False", "Unreachable"),
        ),
    ],
)
def test_redis_is_judged_by_its_pod_and_by_what_the_pods_say(
    wanted: Manifest, seen: Observed, found: tuple[str, str]
) -> None:
    """The operator never dials Redis itself."""
    verdict = checks.redis_reachable(a_pipeline(wanted), seen)

    assert (verdict.status, verdict.reason) == found


def an_autoscaler(state: str, reason: str, message: str = "m") -> Child:
    found = {"type": "ScalingActive", "status": state, "reason": reason, "message": message}
    return a_child(kinds.AUTOSCALER, "boiler", {"conditions": [found]})


@pytest.mark.parametrize(
    ("wanted", "hpa", "found"),
    [
        ({}, None, ("Unknown", "AutoscalerPending")),
        ({}, an_autoscaler("True", "ValidMetricFound"), ("True", "ScalingActive")),
        ({}, an_autoscaler("False", "FailedGetResourceMetric"), ("False", "MetricsUnavailable")),
        ({}, an_autoscaler("False", "ScalingDisabled"), ("False", "ScalingInactive")),
        ({"autoscaling": {"enabled": False}}, None, ("False", "AutoscalingDisabled")),
    ],
)
def test_the_autoscalers_state_is_mirrored(
    wanted: Manifest, hpa: Child | None, found: tuple[str, str]
) -> None:
    """For information only."""
    verdict = checks.autoscaling_active(a_pipeline(wanted), observed(*([hpa] if hpa else [])))

    assert (verdict.status, verdict.reason) == found


def test_a_scale_that_is_ignored_is_told() -> None:
    """Somebody ran `kubectl scale ap` while autoscaling was on."""
    seen = observed(an_autoscaler("True", "ValidMetricFound"))

    assert "spec.replicas (3) is ignored" in (
        checks.autoscaling_active(a_pipeline({"replicas": 3}), seen).message
    )


@pytest.mark.parametrize(
    ("stats", "found"),
    [
        (None, ("Unknown", "NotReported")),
        (some_stats(), ("False", "NoSamplesYet")),
        (some_stats(redis_up=False), ("Unknown", "NotReported")),  # where that is kept
        (some_stats(last_sample=START - timedelta(minutes=4)), ("True", "SamplesArriving")),
        (some_stats(last_sample=START - timedelta(minutes=6)), ("False", "Silent")),
    ],
)
def test_data_flows_while_samples_come(stats: Any, found: tuple[str, str]) -> None:
    """Five minutes of silence end it."""
    verdict = checks.data_flowing(observed(stats=stats))

    assert (verdict.status, verdict.reason) == found


def test_ready_takes_the_first_fault_before_any_doubt() -> None:
    """In the order of causes."""
    verdicts = {type_: yes(Reason.VALID, "fine") for type_ in MAKE_READY}
    assert conditions.ready(verdicts).status == "True"

    verdicts[Type.APPLIED] = unknown(Reason.APPLY_PENDING, "busy")
    assert conditions.ready(verdicts).reason == "ApplyPending"

    verdicts[Type.ROUTE_ACCEPTED] = no(Reason.ROUTE_MISSING, "none")
    assert conditions.ready(verdicts).reason == "RouteMissing"


def test_conditions_without_a_verdict_stay_and_times_move_with_the_status() -> None:
    """An invalid spec says nothing about what runs."""
    first = conditions.merge([], {Type.APPLIED: yes(Reason.APPLIED, "ok")}, 1, "t1")
    second = conditions.merge(first, {Type.SPEC_VALID: no(Reason.INVALID_SPEC, "x")}, 2, "t2")

    assert [(c["type"], c["lastTransitionTime"]) for c in second] == [
        ("SpecValid", "t2"),
        ("Applied", "t1"),
    ]


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (0, "0"),
        (0.004, "0"),
        (0.526, "0.53"),
        (1, "1"),
        (12.34, "12"),
        (123.4, "120"),
        (994, "990"),
        (999, "1k"),
        (1234, "1.2k"),
        (45678, "46k"),
        (456789, "460k"),
        (2_340_000, "2.3M"),
    ],
)
def test_a_rate_is_shown_in_two_digits(rate: float, shown: str) -> None:
    """So that it seldom changes."""
    assert figures.rounded(rate) == shown


def a_pod(container: Manifest, *, conditions: list[Manifest] | None = None) -> Manifest:
    base = {"name": "dataplane", "image": "i:1", "ready": False}
    return {
        "metadata": {"name": "boiler-1"},
        "status": {"containerStatuses": [{**base, **container}], "conditions": conditions or []},
    }


ERROR = {"terminated": {"exitCode": 1, "reason": "Error"}}
KILLED = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, None),
        ({"state": {"running": {}}}, None),
        ({"state": {"waiting": {"reason": "InvalidImageName"}}}, "InvalidImageName"),
        ({"state": {"waiting": {"reason": "ImagePullBackOff"}}}, "ImagePullBackOff"),
        ({"state": {"waiting": {"reason": "ErrImagePull"}}}, "ImagePullBackOff"),
        (
            {"state": {"waiting": {"reason": "CreateContainerConfigError"}}},
            "ContainerConfigError",
        ),
        ({"state": ERROR}, "CrashLoopBackOff"),
        (
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": ERROR,
                "restartCount": 2,
            },
            "CrashLoopBackOff",
        ),
        ({"state": {"running": {}}, "lastState": ERROR, "restartCount": 2}, "CrashLoopBackOff"),
        ({"state": {"running": {}}, "lastState": KILLED, "restartCount": 1}, "OutOfMemory"),
        ({"ready": True, "lastState": ERROR, "restartCount": 9}, None),
    ],
)
def test_why_a_pod_waits_is_read_from_its_container(
    container: Manifest, reason: str | None
) -> None:
    """The reasons of Kubernetes, settled to one word each."""
    found = observe.trouble([a_pod(container)])

    assert (found.reason if found else None) == reason


def test_the_message_stands_still_over_retries() -> None:
    """Kubernetes alternates between two wordings of one fault."""
    pulling = {"reason": "ErrImagePull", "message": "i:1: not found"}
    waiting = {
        "reason": "ImagePullBackOff",
        "message": 'Back-off pulling image "i:1": ErrImagePull: i:1: not found',
    }

    assert observe.trouble([a_pod({"state": {"waiting": pulling}})]) == observe.trouble(
        [a_pod({"state": {"waiting": waiting}})]
    )


def test_a_pod_that_no_node_takes_is_told() -> None:
    """And one that is on its way out is not."""
    condition = {"type": "PodScheduled", "reason": "Unschedulable", "message": "0/1 nodes"}
    pod = a_pod({"state": {}}, conditions=[condition])
    found = observe.trouble([pod])
    assert found is not None
    assert found.reason == "Unschedulable"

    pod["metadata"]["deletionTimestamp"] = "now"
    assert observe.trouble([pod]) is None


MONITORING = (
    a_child(kinds.SERVICE_MONITOR, "boiler", {}),
    a_child(kinds.PROMETHEUS_RULE, "boiler", {}),
    a_child(kinds.CONFIG_MAP, "boiler-dashboard", {}),
)
OFF = {"serviceMonitor": False, "prometheusRule": False, "dashboard": False}


@pytest.mark.parametrize(
    ("wanted", "children", "served", "found"),
    [
        ({}, MONITORING, kinds.OPTIONAL, ("True", "MonitoringApplied")),
        (OFF, (), kinds.OPTIONAL, ("False", "MonitoringDisabled")),
        ({}, MONITORING[:2], kinds.OPTIONAL, ("False", "MonitoringMissing")),
        ({}, MONITORING[1:], kinds.OPTIONAL, ("False", "MonitoringMissing")),
        ({}, (), frozenset(), ("False", "CRDNotInstalled")),
        ({}, MONITORING, {kinds.SERVICE_MONITOR}, ("False", "CRDNotInstalled")),
        ({**OFF, "dashboard": True}, (), frozenset(), ("False", "CRDNotInstalled")),
        (
            {**OFF, "prometheusRule": True},
            MONITORING,
            kinds.OPTIONAL,
            ("True", "MonitoringApplied"),
        ),
    ],
)
def test_monitoring_is_configured_when_all_that_is_wanted_is_there(
    wanted: Manifest, children: tuple[Child, ...], served: set[kinds.Kind], found: tuple[str, str]
) -> None:
    """One word for three objects; the message names those that lack."""
    pipeline = a_pipeline({"monitoring": wanted})
    verdict = checks.monitoring_configured(pipeline, observed(*children, served=frozenset(served)))

    assert (verdict.status, verdict.reason) == found


def test_the_lacking_monitoring_is_named() -> None:
    """What to install, or what to look at."""
    half = checks.monitoring_configured(a_pipeline(), observed(*MONITORING[:1]))
    bare = checks.monitoring_configured(a_pipeline(), observed(served=frozenset()))

    assert "PrometheusRule, dashboard" in half.message
    assert "no PrometheusRule and no ServiceMonitor" in bare.message
