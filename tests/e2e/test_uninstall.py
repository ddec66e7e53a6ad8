"""The end: whatever the order, nothing is left behind but what was meant to stay. Runs last."""

from __future__ import annotations

from typing import Any

import pytest

from installation import RELEASE, Helm
from kube import Kubectl
from pipelines import RESOURCE, Pipeline, noise
from polling import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.alone]


def test_uninstalling_keeps_pipelines_running_and_leaves_only_the_crd(
    helm: Helm, operator: Kubectl, kubectl: Kubectl, ingress: str
) -> None:
    """Under a live pipeline: samples still flow, and `kubectl delete ap` needs no operator.

    Not even that of one whose state the operator would have removed first.
    """
    pipeline = Pipeline(kubectl, "orphan", ingress)
    pipeline.apply()
    waiting = Pipeline(kubectl, "held", ingress)
    waiting.apply(
        {
            "redis": {"mode": "Standalone", "urls": ["nobody.invalid:6379"]},
            "deletionPolicy": "Delete",
        }
    )
    eventually("it is held", lambda: kubectl.need(RESOURCE, "held")["metadata"].get("finalizers"))
    pipeline.await_ready()
    helm.uninstall()

    release = f"app.kubernetes.io/instance={RELEASE}"
    kinds = "deployments,services,serviceaccounts,roles,rolebindings,jobs,pods"
    eventually("nothing is left", lambda: not operator.list(kinds, release))
    assert operator.list("clusterroles,clusterrolebindings", release) == []
    assert operator.get("crd", RESOURCE) is not None
    pipeline.send_until_taken(noise("still", "here", 1))

    assert "finalizers" not in kubectl.need(RESOURCE, "held")["metadata"]
    for each in (waiting, pipeline):
        kubectl.delete(RESOURCE, each.name)
    left = ["deployments", "statefulsets", "services", "configmaps", "secrets", "ingresses", "pods"]
    eventually("its children are gone", lambda: not pipeline.children(left))


def test_installing_again_takes_up_the_kept_crd(
    helm: Helm, values: dict[str, Any], kubectl: Kubectl, ingress: str
) -> None:
    """The same release name over a kept CRD: no conflict, and pipelines work."""
    helm.install(values)
    pipeline = Pipeline(kubectl, "second-life", ingress)
    pipeline.apply()
    pipeline.await_ready()
    kubectl.delete(RESOURCE, pipeline.name, wait=False)
