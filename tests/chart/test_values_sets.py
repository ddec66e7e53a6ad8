"""Every documented set of values: lint, render, and say in docs/install.md what it is for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator.telemetry import PREFIX, Telemetry
from chart import CHART, ROOT, Chart

SETS = sorted((CHART / "ci").glob("*.yaml"))
RUNBOOK = ROOT / "docs" / "runbook.md"


def values_of(path: Path) -> dict[str, Any]:
    values = yaml.safe_load(path.read_text())
    assert isinstance(values, dict)
    return values


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_a_set_passes_lint_and_renders(chart: Chart, path: Path) -> None:
    """With `--strict`, and every object with the labels by which a release is found."""
    values = values_of(path)

    assert "0 chart(s) failed" in chart.lint(values)
    for manifest in chart.template(values):
        assert manifest["metadata"]["labels"]["app.kubernetes.io/instance"] == "anomaly-operator"


def test_every_set_is_documented() -> None:
    """By its file's name; none is documented that does not exist."""
    named = set(re.findall(r"ci/([a-z-]+)\.yaml", (ROOT / "docs" / "install.md").read_text()))

    assert named == {path.stem for path in SETS}


def test_values_of_the_usual_names_reach_the_pod(chart: Chart) -> None:
    """Those that people know from other charts."""
    values = {
        "podSecurityContext": {"runAsUser": 1234},
        "securityContext": {"readOnlyRootFilesystem": False},
        "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["api.example"]}],
        "extraVolumes": [{"name": "ca", "configMap": {"name": "company-ca"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
        "commonLabels": {"team": "heat", "app.kubernetes.io/name": "never-overridden"},
        "topologySpreadConstraints": values_of(CHART / "ci" / "highly-available.yaml")[
            "topologySpreadConstraints"
        ],
    }
    objects = chart.template(values)
    pod = objects.only("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsUser"] == 1234
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is False
    assert pod["hostAliases"][0]["hostnames"] == ["api.example"]
    assert [volume["name"] for volume in pod["volumes"]] == ["tmp", "ca"]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp", "/ca"]
    assert pod["topologySpreadConstraints"] == values["topologySpreadConstraints"]
    assert {each["metadata"]["labels"].get("team") for each in objects} == {"heat"}
    name = objects.only("Deployment")["metadata"]["labels"]["app.kubernetes.io/name"]
    assert name == "anomaly-operator"


def test_a_budget_guards_the_operators_pods(chart: Chart) -> None:
    """Only when asked for: with one replica it would block the drain of a node."""
    objects = chart.template(values_of(CHART / "ci" / "highly-available.yaml"))
    labels = objects.only("Deployment")["spec"]["template"]["metadata"]["labels"]
    budget = objects.only("PodDisruptionBudget")["spec"]

    assert budget["selector"]["matchLabels"].items() <= labels.items()
    assert chart.template().of_kind("PodDisruptionBudget") == []


def test_the_operators_alerts_name_metrics_that_exist(chart: Chart) -> None:
    """And each links to a section of the runbook."""
    values = values_of(CHART / "ci" / "monitored.yaml")
    rule = chart.template(values).only("PrometheusRule")
    (group,) = rule["spec"]["groups"]
    sections = RUNBOOK.read_text()
    named = set(re.findall(rf"\b({PREFIX}\w+)\{{", json.dumps(group)))

    assert named
    assert named <= exposed()
    assert rule["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    for alert in group["rules"]:
        assert 'job="anomaly-operator"' in alert["expr"]
        assert alert["annotations"]["runbook_url"] == (
            f"{values['runbookUrl']}#{alert['alert'].lower()}"
        )
        assert f"\n## {alert['alert']}\n" in sections


def exposed() -> set[str]:
    """Every name that the operator's own source gives a metric."""
    source = Path(str(Telemetry.__init__.__code__.co_filename)).read_text()
    written = re.findall(r'\{PREFIX\}(\w+)"', source)
    gauges = re.findall(r'^            \("(\w+)", "', source, re.MULTILINE)
    return {f"{PREFIX}{name}" for name in (*written, *gauges)}
