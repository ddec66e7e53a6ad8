"""Configs of backtests, from the files that people have."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from anomaly_dataplane.backtest.pipeline_file import HONOURED, LEFT_ASIDE, read
from anomaly_dataplane.contract.config import Method, PipelineConfig
from anomaly_dataplane.contract.fields import InvalidConfig

EXAMPLES = Path(__file__).parents[3] / "examples"
CRDS = Path(__file__).parents[3] / "crds"


def written(folder: Path, text: str) -> Path:
    """A file with this text."""
    path = folder / "pipeline.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_can_be_tried_out(path: Path) -> None:
    """Whatever `kubectl apply` takes; what concerns the cluster only is left aside."""
    assert isinstance(read(path), PipelineConfig)


def test_the_resource_decides_and_defaults_fill_the_rest(tmp_path: Path) -> None:
    """As the API server would fill them."""
    text = "kind: AnomalyPipeline\nmetadata: {name: x}\nspec: {detection: {method: ZScore}}\n"
    config = read(written(tmp_path, text))
    assert config.pipeline.name == "x"
    assert config.detection.method is Method.ZSCORE
    assert config.detection.window == PipelineConfig().detection.window


def test_a_pods_own_document_does_too(tmp_path: Path) -> None:
    """What `kubectl get configmap` shows can be tried as it is."""
    text = '{"version": 1, "detection": {"window": 50}}'
    assert read(written(tmp_path, text)).detection.window == 50


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not YAML"),
        ("kind: Deployment\n", "holds no AnomalyPipeline"),
        ("kind: AnomalyPipeline\nspec: {detection: {window: 3}}\n", ".yaml: spec.detection.window"),
        ("kind: AnomalyPipeline\nspec: {detection: {windows: 30}}\n", ": spec.detection.windows"),
        ('{"version": 1, "detection": {"window": 3}}', ".yaml: detection.window"),
        ("kind: AnomalyPipeline\nspec: {detecton: {window: 30}}\n", "did you mean detection?"),
        ("kind: AnomalyPipeline\nspec: 1\n", "must be objects"),
    ],
)
def test_a_file_that_is_no_pipeline_says_why(tmp_path: Path, text: str, reason: str) -> None:
    """Where it is wrong, and what would be right."""
    with pytest.raises(InvalidConfig) as caught:
        read(written(tmp_path, text))
    assert reason in "; ".join(str(error) for error in caught.value.errors)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    """Instead of a traceback."""
    with pytest.raises(InvalidConfig) as caught:
        read(tmp_path / "none.yaml")
    assert "No such file" in str(caught.value.errors[0])


def test_every_field_of_the_resource_is_known() -> None:
    """So that a typo is told from a field that a backtest has no use for."""
    crd = yaml.safe_load((CRDS / "anomalypipelines.yaml").read_text("utf-8"))
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    fields = schema["properties"]["spec"]["properties"]
    assert set(fields) == {*HONOURED, *LEFT_ASIDE}
