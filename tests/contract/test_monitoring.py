"""Alerts and dashboard against the metrics that exist, and the runbook against the alerts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anomaly_dataplane.contract.metrics import METRICS, PREFIX
from anomaly_operator import kinds, spec
from anomaly_operator.desired import dashboard, prometheusrule
from anomaly_operator.desired.alerts import ALERTS
from anomaly_operator.settings import Settings
from operators import a_resource

DOCS = Path(__file__).parents[2] / "docs"
RUNBOOK = DOCS / "runbook.md"
WIKI = "https://wiki.example/runbook"
PAGE = DOCS / "monitoring.md"
PIPELINE = spec.parse(a_resource(), Settings())

KUBELETS = {
    "container_cpu_usage_seconds_total",
    "container_memory_working_set_bytes",
    "container_network_receive_bytes_total",
    "container_network_transmit_bytes_total",
    "container_spec_memory_limit_bytes",
}
"""Of cAdvisor, by the names of every kubelet; tests/e2e/test_monitoring.py asks a real one."""


def exposed() -> dict[str, set[str]]:
    """Every series name that a pod exposes, with its labels."""
    found: dict[str, set[str]] = {}
    for metric in METRICS:
        name, labels = PREFIX + metric.name, set(metric.labels)
        if metric.kind == "histogram":
            found[f"{name}_bucket"] = {*labels, "le"}
            found[f"{name}_sum"] = found[f"{name}_count"] = labels
        else:
            found[name] = labels
    return found


def rules(runbook_url: str = "") -> list[dict[str, Any]]:
    pipeline = spec.parse(a_resource(), Settings(runbook_url=runbook_url))
    (group,) = prometheusrule.prometheus_rule(pipeline)["spec"]["groups"]
    return list(group["rules"])


def board() -> dict[str, Any]:
    found = json.loads(dashboard.text(PIPELINE))
    assert isinstance(found, dict)
    return found


def expressions() -> Iterator[str]:
    for rule in rules():
        yield rule["expr"]
    for panel in board()["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


EXPRESSIONS = sorted(set(expressions()))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_names_metrics_that_exist(expression: str) -> None:
    """And at least one: a typo would make an alert that never fires and a panel without data."""
    named = set(re.findall(r"\b([a-z_]+)\{", expression))

    assert named
    assert named <= exposed().keys() | KUBELETS


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_groups_by_labels_that_exist(expression: str) -> None:
    """The metric's own, and those that the scrape adds."""
    named = set(re.findall(r"\b([a-z_]+)\{", expression))
    labels = {"namespace", "pipeline", "pod"}
    for name in named & exposed().keys():
        labels |= exposed()[name]
    grouped = {
        label.strip()
        for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)
        for label in group.split(",")
    }

    assert grouped <= labels


def test_every_expression_is_about_this_pipeline_alone() -> None:
    """Two pipelines in one Prometheus never mix."""
    for expression in EXPRESSIONS:
        for selected in re.findall(r"\{([^}]*)\}", expression):
            assert 'namespace="team"' in selected
            assert 'pipeline="boiler"' in selected or 'pod=~"boiler-' in selected
        assert not re.search(r"SELF|PODS|REDIS\b", expression)


def test_every_alert_says_what_to_do() -> None:
    """Severity, words for people, and a section of the runbook that the link leads to."""
    sections = re.findall(r"^## (AnomalyPipeline\w+)$", RUNBOOK.read_text(), re.MULTILINE)

    assert sections[: len(ALERTS)] == [alert.name for alert in ALERTS]
    assert not [rule for rule in rules() if "runbook_url" in rule["annotations"]]
    for rule in rules(WIKI):
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["runbook_url"] == f"{WIKI}#{rule['alert'].lower()}"
        assert re.fullmatch(r"\d+m", rule["for"])


def test_ranges_hold_enough_scrapes_whatever_the_interval() -> None:
    """With a scrape every five minutes a rate over five minutes would see nothing."""
    slow = spec.parse(a_resource({"monitoring": {"interval": "5m"}}), Settings())
    (group,) = prometheusrule.prometheus_rule(slow)["spec"]["groups"]
    ranges = [int(found) for found in re.findall(r"\[(\d+)m\]", json.dumps(group))]

    assert min(ranges) == 20
    assert "[6h]" in json.dumps(group)


def test_the_dashboard_is_small_and_complete() -> None:
    """Traffic, latency, detection, pods and Redis; no two panels share their place or number."""
    panels = board()["panels"]
    rows = [panel["title"] for panel in panels if panel["type"] == "row"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}

    assert rows == ["Overview", "Traffic", "Latency", "Detection", "Pods", "Redis"]
    assert len(places) == len({panel["id"] for panel in panels}) == len(panels)
    assert len(dashboard.text(PIPELINE)) < 16_000


def test_only_a_managed_redis_has_panels_of_its_pod() -> None:
    """Of a Redis elsewhere the kubelets know nothing."""
    redis = {"mode": "Standalone", "urls": ["r:6379"]}
    own = spec.parse(a_resource({"redis": redis}), Settings())

    assert "Managed Redis" in dashboard.text(PIPELINE)
    assert "Managed Redis" not in dashboard.text(own)


def test_a_panel_that_shows_one_or_nought_says_yes_or_no() -> None:
    """Who looks at a wall of panels does not know what 1 stands for."""
    panels = json.loads(dashboard.text(PIPELINE))["panels"]
    up = [p for p in panels if "redis_up" in json.dumps(p.get("targets"))]
    assert len(up) == 2
    for panel in up:
        (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
        assert {key: shown["text"] for key, shown in mapping["options"].items()} == {
            "0": "no",
            "1": "yes",
        }


def test_grafana_finds_the_dashboard_and_prometheus_the_rules() -> None:
    """The sidecar's label, and the labels that somebody's Prometheus selects by on all of them."""
    labels = {"monitoring": {"labels": {"release": "kps"}}}
    pipeline = spec.parse(a_resource(labels), Settings())
    config_map = dashboard.config_map(pipeline)
    rule = prometheusrule.prometheus_rule(pipeline)

    assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert config_map["metadata"]["labels"]["release"] == "kps"
    assert rule["metadata"]["labels"]["release"] == "kps"
    assert kinds.of(rule) in kinds.OPTIONAL
    (text,) = config_map["data"].values()
    assert json.loads(text)["uid"].startswith("ap-")


def test_the_page_lists_every_metric_of_a_pod() -> None:
    """With its labels, kind and meaning, and none that there is not."""
    pods, _, _ = PAGE.read_text().partition("`anomaly_operator_`")
    rows = re.findall(r"^\| `([a-z_]+)(?:\{(.*)\})?` \| (\w+) \| (.*) \|$", pods, re.M)
    listed = {(name, kind, said, labels) for name, labels, kind, said in rows}

    assert listed == {(m.name, m.kind, m.help, ",".join(m.labels)) for m in METRICS}


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_a_page_names_metrics_that_exist(page: Path) -> None:
    """By whole names, as people copy them into queries."""
    known = exposed().keys() | {PREFIX + metric.name for metric in METRICS}
    named = set(re.findall(rf"\b{PREFIX}[a-z_]*[a-z]\b", page.read_text()))

    assert named <= known
