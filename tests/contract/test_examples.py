"""Every example is taken by the schema and by the pods."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from anomaly_dataplane.contract import config
from anomaly_operator import render
from anomaly_operator.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_can_be_used(example: Path) -> None:
    """Checked as the API server and then a pod would check it."""
    (pipeline,) = render.pipelines(example, Settings())

    parsed = config.parse(pipeline.document)
    assert parsed.pipeline.name == pipeline.name


def test_the_examples_that_are_promised_exist() -> None:
    """Smallest, plain two sigma on a Redis Cluster, and a two-gigabyte edge node."""
    assert {"minimal", "zscore-2sigma", "edge-2gb"} <= {path.stem for path in EXAMPLES}


def test_the_smallest_example_is_five_lines() -> None:
    """That is what people are told."""
    assert len((ROOT / "examples" / "minimal.yaml").read_text().splitlines()) == 5


def test_the_plain_rule_is_the_plain_rule() -> None:
    """Two sigma, CPU at 50 %, an external Redis Cluster."""
    body = yaml.safe_load((ROOT / "examples" / "zscore-2sigma.yaml").read_text())["spec"]

    assert body["detection"]["method"] == "ZScore"
    assert body["detection"]["threshold"] == "2"
    assert body["autoscaling"]["targetCPUUtilizationPercentage"] == 50
    assert body["redis"]["mode"] == "Cluster"
