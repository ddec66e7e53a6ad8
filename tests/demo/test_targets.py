"""What the demo starts: the operator's own config document, and the chart's values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from demo.errors import DemoError
from demo.target import EXAMPLE
from demo.target.cluster import not_ready, values
from demo.target.kubernetes import Cluster
from demo.target.render import render

from anomaly_operator.__main__ import main as operator

CLUSTER = Cluster(
    provider="local",
    kubeconfig="kubeconfig",
    context="anomaly-local",
    kubectl="kubectl",
    helm="helm",
    ingress_url="http://127.0.0.1:18080",
    images={
        "operator": "registry.example:5000/operator:dev",
        "dataplane": "dataplane:dev",
        "redis": "redis:8.0",
    },
)


def test_the_document_is_the_one_that_the_operator_renders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`anomaly-operator render` says the same of the same resource, field by field."""
    ours = render(EXAMPLE)
    stored = yaml.safe_load(EXAMPLE.read_text())
    stored["metadata"] |= {"namespace": "demo", "uid": ours.config.pipeline.uid}
    file = tmp_path / "stored.yaml"
    file.write_text(yaml.safe_dump(stored))

    assert operator(["render", "--config-only", str(file)]) == 0
    assert json.loads(ours.text) == json.loads(capsys.readouterr().out)


def test_every_run_is_a_pipeline_of_its_own() -> None:
    """A Redis that knows the last run must not take these samples for repeats."""
    assert render(EXAMPLE).config.pipeline.uid != render(EXAMPLE).config.pipeline.uid


def test_what_the_pipeline_does_is_told_in_words() -> None:
    """From the document itself, so that the words stay true when defaults change."""
    rendered = render(EXAMPLE)

    assert f"a window of {rendered.config.detection.window} samples" in rendered.in_words


def test_an_example_that_is_wrong_is_refused_with_the_field(tmp_path: Path) -> None:
    """The operator's own words come through."""
    wrong = tmp_path / "wrong.yaml"
    text = EXAMPLE.read_text().replace("spec: {}", "spec: {detection: {window: 1}}")
    wrong.write_text(text)

    with pytest.raises(DemoError, match=r"spec\.detection\.window"):
        render(wrong)


def test_the_chart_gets_the_images_that_were_loaded() -> None:
    """A registry's port is no tag."""
    given = values(CLUSTER)

    assert given["image"] == {"repository": "registry.example:5000/operator", "tag": "dev"}
    assert given["dataplane"] == {"image": "dataplane:dev"}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        pytest.param({}, "the operator has not seen it yet; is it running?", id="not seen"),
        pytest.param(
            {"observedGeneration": 1}, "the operator has not seen it yet; is it running?", id="old"
        ),
        pytest.param({"observedGeneration": 2}, ": no condition Ready", id="no condition"),
        pytest.param(
            {
                "observedGeneration": 2,
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "False",
                        "reason": "RedisStarting",
                        "message": "no pod yet",
                    }
                ],
            },
            "RedisStarting: no pod yet",
            id="not ready",
        ),
        pytest.param(
            {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]},
            "",
            id="ready",
        ),
    ],
)
def test_what_stands_in_the_way_of_ready_is_named(status: dict[str, object], reason: str) -> None:
    """Only Ready for the present spec counts."""
    assert not_ready({"metadata": {"generation": 2}, "status": status}) == reason
