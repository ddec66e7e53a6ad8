"""docs/protocols.md sends people to paths that exist, with configs that parse."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from anomaly_dataplane.contract.metrics import METRICS, PREFIX
from anomaly_dataplane.contract.runtime import PATH_REMOTE_WRITE, PATHS_OTLP
from anomaly_dataplane.ingest.registry import PROTOCOLS

PAGE = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text()
SNIPPETS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_every_snippet_is_yaml(snippet: str) -> None:
    assert isinstance(yaml.safe_load(snippet), dict)


def test_every_address_is_of_a_path_that_takes_samples() -> None:
    """The examples are those of one pipeline, whose prefix they have."""
    paths = set(re.findall(r"http://203\.0\.113\.7/default/boiler-room(/\S+)", PAGE))
    assert {PATH_REMOTE_WRITE, PATHS_OTLP[0]} <= paths
    assert len(PROTOCOLS) > 2
    for path in PATHS_OTLP:
        assert f"`{path}`" in PAGE or path.removesuffix(PATHS_OTLP[0]) in PAGE


def test_every_metric_that_is_named_exists() -> None:
    named = set(re.findall(rf"{PREFIX}(\w+)", PAGE))
    assert named <= {metric.name for metric in METRICS}
