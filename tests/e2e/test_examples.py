"""Every example works as it stands, on whatever Redis it asks for."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from chart import ROOT
from kube import Kubectl, Manifest
from pipelines import RESOURCE, Pipeline, noise
from redis_pods import run_cluster, secret

pytestmark = pytest.mark.e2e

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def test_there_are_examples() -> None:
    """An empty folder would make the other stories of this file vanish."""
    names = {path.name for path in EXAMPLES}

    assert {"minimal.yaml", "zscore-2sigma.yaml", "edge-2gb.yaml"} <= names


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_becomes_a_pipeline_that_takes_samples(
    path: Any, kubectl: Kubectl, ingress: str, values: dict[str, Any]
) -> None:
    """`kubectl apply -f`, the Redis and the Secret it names if any, and samples are taken."""
    objects = list(yaml.safe_load_all(path.read_text()))
    (resource,) = [o for o in objects if o["kind"] == "AnomalyPipeline"]
    pipeline = Pipeline(kubectl, resource["metadata"]["name"], ingress)
    provide_redis(kubectl, resource, objects, values["redis"]["image"])
    mqtt = resource.get("spec", {}).get("ingest", {}).get("mqtt", {})
    if login := mqtt.get("secretRef", {}).get("name"):
        kubectl.apply(secret(login, "an-example"))
    kubectl.run("apply", "-f", str(path))

    pipeline.await_ready()
    host = resource.get("spec", {}).get("expose", {}).get("host", "")
    taken = pipeline.send_until_taken(noise("first", "sample", 40), host=host)
    assert taken.body["accepted"] + taken.body["duplicate"] == 40
    kubectl.delete(RESOURCE, pipeline.name)


def provide_redis(
    kubectl: Kubectl, resource: Manifest, objects: list[Manifest], image: str
) -> None:
    """Run the Redis Cluster that an example expects to exist, under the name it expects."""
    redis = resource.get("spec", {}).get("redis", {})
    if redis.get("mode", "Managed") == "Managed":
        return
    assert redis["mode"] == "Cluster", "teach this test the other modes when an example needs them"
    login = redis.get("secretRef", {}).get("name", "")
    password = "an-example" if login else ""
    if login and not any(o["kind"] == "Secret" for o in objects):
        kubectl.apply(secret(login, password))
    host = redis["urls"][0].rpartition(":")[0]
    name = host.split(".")[1] if host.split(".")[0].rpartition("-")[2].isdigit() else host
    run_cluster(kubectl, name.split(".")[0], image, password)
