"""What would change is shown, and nothing changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator import names
from api_server import ApiServer
from kube import Kubectl, says
from operator_process import OperatorProcess
from pipelines import resource
from polling import eventually

EVERYTHING = "configmap,deployment,service,statefulset,ingress,hpa,pdb,serviceaccount,secret,ap"


@pytest.fixture
def pipeline(kubectl: Kubectl, served: OperatorProcess) -> Kubectl:
    kubectl.apply(resource("boiler"))
    eventually("it is applied", lambda: says(kubectl.need("ap", "boiler"), "Applied", "True"))
    return kubectl


def versions(kubectl: Kubectl) -> dict[str, str]:
    return {
        f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["resourceVersion"]
        for each in kubectl.list(EVERYTHING)
        if each["kind"] != "AnomalyPipeline"
    }


def run_plan(
    server: ApiServer, kubectl: Kubectl, folder: Path, spec: dict[str, Any]
) -> tuple[int, str]:
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(resource("boiler", spec)))
    done = subprocess.run(
        [sys.executable, "-m", "anomaly_operator", "plan", str(path), "-n", kubectl.namespace],
        env={**os.environ, "KUBECONFIG": str(server.kubeconfig)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_address_that_pods_were_told_is_no_change(
    server: ApiServer, pipeline: Kubectl, tmp_path: Path
) -> None:
    """They learn it once a controller has taken the route up; a file cannot know it."""
    published = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}]}}}
    patch = ("patch", "ingress", "boiler", "--type", "merge", "-p", json.dumps(published))
    pipeline.run(*patch, "--subresource", "status")

    def told() -> bool:
        text = pipeline.need("configmap", "boiler-config")["data"]["pipeline.json"]
        there = f"http://192.0.2.9/{pipeline.namespace}/boiler"
        return bool(json.loads(text).get("publicUrl") == there)

    eventually("the pods are told", told)
    code, text = run_plan(server, pipeline, tmp_path, {})
    assert code == 0, text


@pytest.mark.parametrize("data", [None, {"pipeline.json": "{"}, {"pipeline.json": "[]"}])
def test_an_object_of_somebody_else_in_the_way_is_told(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path, data: dict[str, str] | None
) -> None:
    """Whatever it holds; also where no operator runs."""
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "boiler-config"}}
    kubectl.apply({**theirs, "data": data} if data else theirs)

    code, text = run_plan(server, kubectl, tmp_path, {})

    assert code == 1, text
    assert "# Refused: ConfigMap boiler-config\nexists and belongs to somebody else" in text


def test_the_command_shows_what_a_file_would_change(
    server: ApiServer, pipeline: Kubectl, tmp_path: Path
) -> None:
    """Changes, creations and deletions; and nothing for what is as it is."""
    before = versions(pipeline)

    code, text = run_plan(server, pipeline, tmp_path, {})
    assert code == 0, text
    code, text = run_plan(
        server,
        pipeline,
        tmp_path,
        {
            "autoscaling": {"minReplicas": 2, "maxReplicas": 7},
            "expose": {"type": "None"},
        },
    )

    assert code == 1
    assert "1 to create, " in text
    assert "# Create: PodDisruptionBudget boiler" in text
    assert "# Delete: Ingress boiler" in text
    assert "\n-  maxReplicas: 5\n" in text
    assert "\n+  maxReplicas: 7\n" in text
    assert versions(pipeline) == before


def test_the_annotation_puts_the_plan_into_the_status(pipeline: Kubectl) -> None:
    """A change of the spec waits until the annotation is gone."""
    before = versions(pipeline)
    annotations = {"metadata": {"annotations": {names.ANNOTATION_PLAN: "true"}}}
    pipeline.patch("ap", "boiler", {**annotations, "spec": {"autoscaling": {"maxReplicas": 7}}})

    def planned() -> Any:
        return (pipeline.need("ap", "boiler")["status"].get("plan") or {}).get("changes")

    (change,) = eventually("the plan is there", planned)
    assert (change["action"], change["object"]) == ("Change", "HorizontalPodAutoscaler boiler")
    assert "+  maxReplicas: 7" in change["diff"]
    assert says(pipeline.need("ap", "boiler"), "Paused", "True", "Planned")
    assert versions(pipeline) == before

    pipeline.patch("ap", "boiler", {"metadata": {"annotations": {names.ANNOTATION_PLAN: None}}})

    eventually(
        "it is done",
        lambda: pipeline.need("hpa", "boiler")["spec"]["maxReplicas"] == 7,
    )
    eventually(
        "the plan is gone",
        lambda: "plan" not in pipeline.need("ap", "boiler")["status"],
    )
