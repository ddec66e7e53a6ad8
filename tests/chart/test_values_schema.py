"""A mistake in the values stops the install and names the place."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from chart import CHART, Chart, ChartRefused


def test_the_defaults_pass_lint(chart: Chart) -> None:
    """`helm lint --strict` finds nothing in the chart as it stands."""
    assert "0 chart(s) failed" in chart.lint()


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"watchNamespaces": "team-a"}, "/watchNamespaces"),
        ({"watchNamespaces": ["Team_A"]}, "/watchNamespaces/0"),
        ({"image": {"tag": 1}}, "/image/tag"),
        ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
        ({"image": {"pullSecrets": ["login"]}}, "/image/pullSecrets/0"),
        ({"redis": {"image": ""}}, "/redis/image"),
        ({"logLevel": "loud"}, "/logLevel"),
        ({"runbookUrl": "our wiki"}, "/runbookUrl"),
        ({"endpointPorts": {"80": "30080"}}, "/endpointPorts/80"),
        ({"crds": {"keep": "yes"}}, "/crds/keep"),
        ({"serviceMonitor": {"interval": 30}}, "/serviceMonitor/interval"),
        ({"extraEnv": {"A": "b"}}, "/extraEnv"),
        ({"extraEnv": [{"name": "A", "value": 1}]}, "/extraEnv/0/value"),
        ({"resources": {"limits": {"memory": "lots"}}}, "/resources/limits/memory"),
        ({"serviceAccount": {"annotations": {"a": 1}}}, "/serviceAccount/annotations/a"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_value_is_refused_by_its_path(
    chart: Chart, values: dict[str, Any], path: str
) -> None:
    """Helm's message carries the path of the value that is wrong."""
    with pytest.raises(ChartRefused) as refused:
        chart.template(values)

    message = str(refused.value)
    assert path in message or path.strip("/").replace("/", ".") in message


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"watchNamespace": ["a"]}, "watchNamespace"),
        ({"image": {"pullpolicy": "Always"}}, "pullpolicy"),
        ({"crds": {"enabled": True}}, "enabled"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unknown_value_is_refused_by_its_name(
    chart: Chart, values: dict[str, Any], name: str
) -> None:
    """A typo is an error, not a silently ignored wish."""
    with pytest.raises(ChartRefused, match=f"'{name}'"):
        chart.template(values)


def test_every_default_is_in_the_schema_and_every_property_has_a_default() -> None:
    """values.yaml documents all that the schema allows, and the other way round."""
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())

    def leaves(node: dict[str, Any], path: str) -> set[str]:
        if node.get("additionalProperties") is not False:
            return {path}
        found: set[str] = set()
        for name, child in node["properties"].items():
            found |= leaves(child, f"{path}.{name}")
        return found

    def has(path: str) -> bool:
        node: Any = defaults
        for part in path.strip(".").split("."):
            if not isinstance(node, dict) or part not in node:
                return False
            node = node[part]
        return True

    optional = {".global", ".affinity.nodeAffinity", ".affinity.podAffinity"}
    optional |= {".affinity.podAntiAffinity"}
    missing = {path for path in leaves(schema, "") - optional if not has(path)}
    assert missing == set()
