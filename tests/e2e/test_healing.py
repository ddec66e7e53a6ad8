"""Whatever happens to a pipeline's children, the operator brings the desired state back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kube import Kubectl, Manifest, condition
from pipelines import LIGHT, RESOURCE, Pipeline, noise
from polling import eventually

pytestmark = pytest.mark.e2e

SPEC: dict[str, Any] = {**LIGHT, "autoscaling": {"minReplicas": 2, "maxReplicas": 3}}
"""Two replicas at least, so that there is a PodDisruptionBudget to lose, too."""

FIXED: dict[str, Any] = {"replicas": 2, "autoscaling": {"enabled": False}}

EDITS: dict[str, dict[str, Any]] = {
    "ConfigMap": {"data": {"pipeline.json": "{}"}},
    "Deployment": {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}},
    "Service": {"spec": {"ports": [{"name": "http", "port": 81, "targetPort": 1234}]}},
    "Ingress": {"spec": {"rules": [{"host": "elsewhere.example"}]}},
    "HorizontalPodAutoscaler": {"spec": {"maxReplicas": 9}},
    "PodDisruptionBudget": {"spec": {"maxUnavailable": None, "minAvailable": 99}},
    "StatefulSet": {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}},
    "ServiceAccount": {"automountServiceAccountToken": True},
}


@pytest.fixture(scope="module")
def pipeline(kubectl: Kubectl, ingress: str) -> Iterator[Pipeline]:
    """One pipeline with every kind of child."""
    pipeline = Pipeline(kubectl, "mended", ingress)
    pipeline.apply(SPEC)
    pipeline.await_ready()
    yield pipeline
    kubectl.delete(RESOURCE, pipeline.name, wait=False)


def test_every_deleted_child_comes_back(pipeline: Pipeline) -> None:
    """Delete them all: new ones with the same names stand there."""
    before = pipeline.children(EDITS)
    assert {name.split("/")[0] for name in before} == set(EDITS)
    assert len([name for name in before if name.startswith("Service/")]) == 3
    pipeline.kubectl.run("delete", "--wait=false", *before)

    def replaced() -> bool:
        after = pipeline.children(EDITS)
        missing = set(before) - set(after)
        old = [n for n, o in after.items() if o["metadata"]["uid"] == uid(before.get(n))]
        assert not missing, f"missing: {sorted(missing)}"
        assert not old, f"not deleted yet: {old}"
        return True

    eventually("all are back", replaced)


def test_a_lost_redis_password_is_replaced(pipeline: Pipeline) -> None:
    """The Secret is gone and Redis must restart: both get a new password, the route comes back."""
    name = f"{pipeline.name}-redis"
    before = child(pipeline, "Deployment")["metadata"]["generation"]
    pipeline.kubectl.delete("Secret", name)

    def back() -> Manifest | None:
        # One that was on its way out, or whose kubelet still knew the Secret, is not enough.
        if running(pipeline.kubectl.get("Pod", f"{name}-0")):
            pipeline.kubectl.delete("Pod", f"{name}-0", wait=False)
        return pipeline.kubectl.get("Secret", name)

    def rolled() -> bool:
        return bool(child(pipeline, "Deployment")["metadata"]["generation"] > before)

    eventually("the Secret is back", back, pause=1)
    eventually("the pods get the new password", rolled)
    pipeline.await_ready()
    pipeline.send_until_taken(noise("after", "the-fire", 1))


def running(pod: Manifest | None) -> bool:
    if pod is None or "deletionTimestamp" in pod["metadata"]:
        return False
    return condition(pod, "Ready").get("status") == "True"


@pytest.mark.parametrize("kind", EDITS)
def test_an_edited_child_is_put_right(pipeline: Pipeline, kind: str) -> None:
    """Change what the operator owns: it reads as before."""
    before = child(pipeline, kind)
    pipeline.kubectl.patch(kind, before["metadata"]["name"], EDITS[kind])

    def restored() -> bool:
        after = pipeline.kubectl.need(kind, before["metadata"]["name"])
        assert owned(after) == owned(before), "still edited"
        return True

    eventually(f"{kind} is as before", restored)


def test_what_others_add_is_left_alone(pipeline: Pipeline) -> None:
    """Labels and annotations of other owners survive the operator's applies."""
    deployment = child(pipeline, "Deployment")["metadata"]["name"]
    note = {"metadata": {"labels": {"cost-centre": "42"}, "annotations": {"seen-by": "audit"}}}
    pipeline.kubectl.patch("Deployment", deployment, note)
    pipeline.kubectl.patch(
        "ConfigMap", child(pipeline, "ConfigMap")["metadata"]["name"], EDITS["ConfigMap"]
    )
    eventually(
        "the operator has applied again",
        lambda: child(pipeline, "ConfigMap")["data"] != EDITS["ConfigMap"]["data"],
    )

    metadata = child(pipeline, "Deployment")["metadata"]
    assert metadata["labels"]["cost-centre"] == "42"
    assert metadata["annotations"]["seen-by"] == "audit"


def test_what_is_switched_off_is_removed_and_comes_back(pipeline: Pipeline) -> None:
    """`expose: None` and no autoscaling prune Ingress and HPA; switching on restores them."""
    pipeline.apply({**LIGHT, **FIXED, "expose": {"type": "None"}})
    eventually(
        "Ingress and HPA are gone",
        lambda: not pipeline.children(["ingresses", "horizontalpodautoscalers"]),
    )
    pipeline.apply({**SPEC, "expose": {"type": "Ingress"}})
    eventually(
        "Ingress and HPA are back",
        lambda: len(pipeline.children(["ingresses", "horizontalpodautoscalers"])) == 2,
    )


def test_after_all_this_the_pipeline_is_ready_again(pipeline: Pipeline) -> None:
    """Nothing that was done above needs a hand."""
    pipeline.await_ready()


def child(pipeline: Pipeline, kind: str) -> Manifest:
    """The pipeline's own child of a kind; of two Services the route's."""
    found = pipeline.children([kind])
    return found.get(f"{kind}/{pipeline.name}") or next(iter(found.values()))


def uid(manifest: Manifest | None) -> object:
    return manifest and manifest["metadata"]["uid"]


def owned(manifest: Manifest) -> dict[str, Any]:
    """The parts of an object that people edit."""
    hidden = {"metadata", "status"}
    kept = {key: value for key, value in manifest.items() if key not in hidden}
    kept.get("spec", {}).pop("replicas", None)  # the HPA's
    return kept
