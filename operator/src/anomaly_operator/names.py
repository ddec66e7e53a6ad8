"""Every name the operator gives: child objects, labels, annotations, field manager.

Called by `spec`, `desired/` and `reconcile`; nobody else spells a name or a label.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

GROUP = "anomalypipeline.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "AnomalyPipeline"
PLURAL = "anomalypipelines"

LABEL_SERVED_BY = f"{GROUP}/instance"
"""On a pipeline: which of several operators serves it; without it, the one without a name."""

FIELD_MANAGER = "anomaly-operator"
"""Of server-side apply; what it does not own (a user's label, the HPA's replicas) it leaves."""

HANDOFF_MANAGER = "anomaly-operator-handoff"
"""Holds `replicas` of a Deployment between our letting go of it and the HPA's first write."""

LABEL_NAME = "app.kubernetes.io/name"
LABEL_INSTANCE = "app.kubernetes.io/instance"
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_PART_OF = "app.kubernetes.io/part-of"

MANAGED_BY = "anomaly-operator"
MANAGED_SELECTOR = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
APP = "anomaly-pipeline"
PART_OF = "anomalypipeline"

DATAPLANE = "dataplane"
METRICS = "metrics"
DASHBOARD = "dashboard"
REDIS = "redis"
PURGE = "purge"

FINALIZER = f"{GROUP}/purge"
"""On a pipeline whose state is to be removed when it is deleted, and on no other."""

ANNOTATION_CONFIG_HASH = f"{GROUP}/config-hash"
"""On the pod template: changes when the config changes in a way that needs new pods."""
ANNOTATION_REDIS_CREDENTIALS = f"{GROUP}/redis-credentials"
"""On the pod templates of pipeline and managed Redis: changes when the password was replaced."""

ANNOTATION_PAUSED = f"{GROUP}/paused"
"""On a pipeline, "true": its objects are left alone."""
ANNOTATION_PLAN = f"{GROUP}/plan"
"""On a pipeline, "true": its objects are left alone, and status.plan tells what would change."""
ANNOTATION_RESTARTED_AT = f"{GROUP}/restartedAt"
"""On a pipeline, any text: handed on to the pod template, so that a new one rolls the pods."""

BASE_MAX_LENGTH = 46
"""Leaves a StatefulSet `<base>-redis` the room that its pods' labels need (52 characters)."""
_HASH_LENGTH = 8
_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def base(cr_name: str) -> str:
    """The name that children share: the CR's own wherever it is a short DNS label.

    A CR may be called what a Service may not ("1.2-long...."); such a name is bent into shape and
    gets a hash of the original, so that two CRs never share children.
    """
    if len(cr_name) <= BASE_MAX_LENGTH and _LABEL.fullmatch(cr_name):
        return cr_name
    digest = hashlib.sha256(cr_name.encode()).hexdigest()[:_HASH_LENGTH]
    stem = re.sub(r"[^-a-z0-9]", "-", cr_name.lower())
    if not stem[:1].isalpha():
        stem = f"ap-{stem}"
    stem = stem[: BASE_MAX_LENGTH - _HASH_LENGTH - 1].rstrip("-")
    return f"{stem}-{digest}"


def dataplane(cr_name: str) -> str:
    """Deployment, Service, ServiceAccount, route, HPA, PDB, ServiceMonitor, PrometheusRule."""
    return base(cr_name)


def config(cr_name: str) -> str:
    """The ConfigMap that holds the pods' config document."""
    return f"{base(cr_name)}-config"


def metrics(cr_name: str) -> str:
    """The headless Service that Prometheus scrapes; no route ever points at it."""
    return f"{base(cr_name)}-metrics"


def dashboard(cr_name: str) -> str:
    """The ConfigMap that Grafana's sidecar finds."""
    return f"{base(cr_name)}-dashboard"


def redis(cr_name: str) -> str:
    """StatefulSet, Service and Secret of the managed Redis."""
    return f"{base(cr_name)}-redis"


def purge(cr_name: str, uid: str) -> str:
    """The Job that removes a deleted pipeline's keys; a namesake's may run at the same time."""
    digest = hashlib.sha256(uid.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{base(cr_name)}-purge-{digest}"


def webhook_volume(name: str) -> str:
    """The pod's volume with the Secret of this webhook, whose name has at most 50 letters."""
    return f"webhook-{name}"


def pipeline_selector(cr_name: str) -> dict[str, str]:
    """What selects the pods of a pipeline, whatever their component."""
    return {LABEL_NAME: APP, LABEL_INSTANCE: base(cr_name)}


def selector(cr_name: str, component: str) -> dict[str, str]:
    """What selects the pods of a component; immutable in a Deployment, so it never grows."""
    return {**pipeline_selector(cr_name), LABEL_COMPONENT: component}


def labels(cr_name: str, component: str) -> dict[str, str]:
    """The labels of every child."""
    return {
        **selector(cr_name, component),
        LABEL_MANAGED_BY: MANAGED_BY,
        LABEL_PART_OF: PART_OF,
    }


def pipelines_selector(instance: str) -> str:
    """The label selector of the pipelines that an operator of this name serves."""
    return f"{LABEL_SERVED_BY}={instance}" if instance else f"!{LABEL_SERVED_BY}"


def intent(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """What the annotations of a pipeline ask the operator for."""
    asked = (ANNOTATION_PAUSED, ANNOTATION_PLAN, ANNOTATION_RESTARTED_AT)
    return tuple(annotations.get(name, "") for name in asked)


def selector_text(selected: Mapping[str, str]) -> str:
    """A label selector as kubectl takes it."""
    return ",".join(f"{key}={value}" for key, value in sorted(selected.items()))
