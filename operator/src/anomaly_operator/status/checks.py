"""Pure checks: Observed -> one Verdict per condition. The order of lines is the order of causes.

Called by `status.compute`. Messages are for people and stand still while nothing changes.
"""

from __future__ import annotations

import re
from datetime import timedelta

from anomaly_operator import kinds, names, observe
from anomaly_operator.spec import Pipeline
from anomaly_operator.status import route
from anomaly_operator.status.conditions import Type, Verdict, no, unknown, yes
from anomaly_operator.status.figures import rounded, timestamp
from anomaly_operator.status.reasons import Reason

SILENT_AFTER = timedelta(minutes=5)

_REFUSED = re.compile(
    r"\b(auth|noauth|wrongpass|noperm|authentication|permission)\b", re.IGNORECASE
)
"""Redis' own words, and the kinds under which the pods sort such errors."""

_UNTRUSTED = re.compile(r"^Redis: (tls|secret): ")
"""The kinds for certificates that do not hold, and for a Secret that cannot be used."""


def verdicts(pipeline: Pipeline, observed: observe.Observed) -> dict[Type, Verdict]:
    """Every condition but Ready, for a pipeline whose spec could be read."""
    return {
        Type.SPEC_VALID: yes(Reason.VALID, "Every field can be used."),
        Type.REFERENCES_RESOLVED: references_resolved(observed),
        Type.APPLIED: applied(observed),
        Type.WORKLOAD_AVAILABLE: workload_available(pipeline, observed),
        Type.REDIS_REACHABLE: redis_reachable(pipeline, observed),
        Type.ROUTE_ACCEPTED: route.accepted(pipeline, observed),
        Type.AUTOSCALING_ACTIVE: autoscaling_active(pipeline, observed),
        Type.MONITORING_CONFIGURED: monitoring_configured(pipeline, observed),
        Type.DATA_FLOWING: data_flowing(observed),
        Type.PAUSED: paused(observed),
    }


_NOT_FOUND = {
    kinds.SECRET: Reason.SECRET_NOT_FOUND,
    kinds.INGRESS_CLASS: Reason.INGRESS_CLASS_NOT_FOUND,
    kinds.GATEWAY: Reason.GATEWAY_NOT_FOUND,
}


def references_resolved(observed: observe.Observed) -> Verdict:
    """Whether all that the spec names exists."""
    if not observed.missing:
        return yes(Reason.RESOLVED, "All that the spec names exists.")
    texts = [
        f"{each.field} names {each.kind.kind} {each.name}, which does not exist"
        + (f" in namespace {each.namespace}" if each.namespace else "")
        for each in observed.missing
    ]
    return no(_NOT_FOUND[observed.missing[0].kind], f"{'; '.join(texts)}.")


def applied(observed: observe.Observed) -> Verdict:
    """Whether the API server took every child."""
    if observed.paused:
        if observed.applied_before is not None:
            return observed.applied_before
        return unknown(Reason.PAUSED, "The spec has changed, and is not applied while paused.")
    if observed.failures:
        worst = observed.failures[0]
        others = len(observed.failures) - 1
        more = f" (and {others} more)" if others else ""
        text = f"{worst.ref.kind} {worst.ref.name}: {worst.message}{more}"
        return no(worst.reason, text)
    if observed.pending:
        return unknown(Reason.APPLY_PENDING, observed.pending)
    return yes(Reason.APPLIED, "All objects are as wanted.")


def workload_available(pipeline: Pipeline, observed: observe.Observed) -> Verdict:
    """Whether enough pods of the newest template are ready."""
    workload = observed.child(kinds.DEPLOYMENT, names.dataplane(pipeline.name))
    if workload is None:
        return no(Reason.WORKLOAD_MISSING, "The Deployment does not exist yet.")
    if pipeline.suspend:
        return no(Reason.SUSPENDED, "spec.suspend is true: no pods run; state and route are kept.")
    ready = observe.ready_replicas(workload)
    complete = observe.rolled_out(workload)
    wanted = pipeline.min_pods
    if complete and ready >= wanted:
        return yes(Reason.AVAILABLE, "Pods are ready.")
    serving = "; pods of the version before still serve" if ready and not complete else ""
    if observed.dataplane_trouble is not None:
        trouble = observed.dataplane_trouble
        return no(trouble.reason, f"{trouble.message}{serving}")
    failed, _, why = workload.status.get("conditions", {}).get("ReplicaFailure", ("", "", ""))
    if failed == "True":
        return no(Reason.PODS_NOT_CREATED, f"Pods cannot be created: {why}{serving}")
    if not complete:
        return no(Reason.ROLLING_OUT, f"Pods of the newest version are starting{serving}.")
    return no(Reason.PODS_NOT_READY, f"{ready} of at least {wanted} pods are ready.")


def redis_reachable(pipeline: Pipeline, observed: observe.Observed) -> Verdict:
    """Whether the pods can commit."""
    stats = observed.stats
    if pipeline.redis.managed is not None:
        stateful_set = observed.child(kinds.STATEFUL_SET, names.redis(pipeline.name))
        if not observe.redis_ready(stateful_set):
            if observed.redis_trouble is not None:
                trouble = observed.redis_trouble
                return no(trouble.reason, f"Managed Redis: {trouble.message}")
            return no(Reason.MANAGED_REDIS_NOT_READY, "The managed Redis is not ready yet.")
        if stats is None:
            return yes(Reason.MANAGED_REDIS_READY, "The managed Redis is ready.")
    if stats is None:
        return unknown(
            Reason.NOT_REPORTED, "No pod has told yet whether it reaches Redis (/api/v1/stats)."
        )
    if stats.redis_up:
        return yes(Reason.CONNECTED, "The pods reach Redis.")
    why = stats.redis_error or "no reason given"
    if _UNTRUSTED.search(why):
        return no(Reason.SECRET_UNUSABLE, f"No trusted connection to Redis: {why}")
    if _REFUSED.search(why):
        return no(Reason.AUTHENTICATION_FAILED, f"Redis refuses the pods' credentials: {why}")
    return no(Reason.UNREACHABLE, f"The pods do not reach Redis: {why}")


def autoscaling_active(pipeline: Pipeline, observed: observe.Observed) -> Verdict:
    """Whether the HPA can do its work. Informs only."""
    if not pipeline.autoscaling.enabled:
        return no(Reason.AUTOSCALING_DISABLED, "autoscaling.enabled is false.")
    if pipeline.suspend:
        return no(Reason.SUSPENDED, "spec.suspend is true.")
    hpa = observed.child(kinds.AUTOSCALER, names.dataplane(pipeline.name))
    status, why, text = ("", "", "")
    if hpa is not None:
        status, why, text = hpa.status.get("conditions", {}).get("ScalingActive", ("", "", ""))
    if not status:
        return unknown(Reason.AUTOSCALER_PENDING, "The HorizontalPodAutoscaler has not run yet.")
    ignored = ""
    if pipeline.replicas != 1:
        ignored = f" spec.replicas ({pipeline.replicas}) is ignored meanwhile."
    if status == "True":
        return yes(Reason.SCALING_ACTIVE, f"The number of pods follows their use of CPU.{ignored}")
    if why.startswith("FailedGet"):
        return no(Reason.METRICS_UNAVAILABLE, f"{why}: {text}")
    return no(Reason.SCALING_INACTIVE, f"{why}: {text}")


def monitoring_configured(pipeline: Pipeline, observed: observe.Observed) -> Verdict:
    """Whether Prometheus and Grafana can find what is for them. Informs only."""
    monitoring = pipeline.monitoring
    main, board = names.dataplane(pipeline.name), names.dashboard(pipeline.name)
    alerts = monitoring.prometheus_rule and not pipeline.suspend  # where silence is no news
    wanted = [
        (kind, name, needs, what)
        for asked, kind, name, needs, what in (
            (monitoring.service_monitor, kinds.SERVICE_MONITOR, main, kinds.SERVICE_MONITOR, ""),
            (alerts, kinds.PROMETHEUS_RULE, main, kinds.PROMETHEUS_RULE, ""),
            (monitoring.dashboard, kinds.CONFIG_MAP, board, kinds.SERVICE_MONITOR, "dashboard"),
        )
        if asked
    ]
    if not wanted:
        return no(
            Reason.MONITORING_DISABLED,
            "monitoring.serviceMonitor, prometheusRule and dashboard are false.",
        )
    lacking = sorted({needs.kind for _, _, needs, _ in wanted if needs not in observed.served})
    if lacking:
        return no(
            Reason.CRD_NOT_INSTALLED,
            f"The cluster has no {' and no '.join(lacking)} (monitoring.coreos.com/v1); this heals"
            " when the Prometheus operator is installed.",
        )
    missing = [
        what or kind.kind for kind, name, _, what in wanted if not observed.child(kind, name)
    ]
    if missing:
        text = f"Could not be applied yet: {', '.join(missing)}."
        return no(Reason.MONITORING_MISSING, text)
    present = ", ".join(what or kind.kind for kind, _, _, what in wanted)
    return yes(Reason.MONITORING_APPLIED, f"In place: {present}.")


def data_flowing(observed: observe.Observed) -> Verdict:
    """Whether samples come in. Informs only."""
    if observed.stats is None:
        return unknown(Reason.NOT_REPORTED, "No pod has told its figures yet (/api/v1/stats).")
    if not observed.stats.redis_up:
        return unknown(
            Reason.NOT_REPORTED, "The pods do not reach Redis, which knows when the last came."
        )
    last = observed.stats.last_sample
    if last is None:
        return no(Reason.NO_SAMPLES_YET, "No sample has come yet; send some to status.endpoint.")
    if observed.now - last > SILENT_AFTER:
        minutes = int(SILENT_AFTER.total_seconds() // 60)
        return no(
            Reason.SILENT,
            f"No sample for more than {minutes} minutes; the last at {timestamp(last)}.",
        )
    rate = observed.samples_per_second
    often = f" at {rounded(rate)} a second" if rate is not None else ""
    minute = timestamp(last.replace(second=0, microsecond=0))
    return yes(Reason.SAMPLES_ARRIVING, f"Samples arrive{often}; the last came at {minute}.")


def paused(observed: observe.Observed) -> Verdict:
    """Whether the objects are left alone. Informs only."""
    if observed.paused:
        if observed.planned:
            text = f'The annotation {names.ANNOTATION_PLAN} is "true": see status.plan.'
            return yes(Reason.PLANNED, text)
        text = f'The annotation {names.ANNOTATION_PAUSED} is "true": no object is touched.'
        return yes(Reason.PAUSED, text)
    return no(Reason.NOT_PAUSED, "Objects are kept as they are wanted.")
