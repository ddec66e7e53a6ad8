"""The alerts by promtool: they parse, fire when they should, and not before."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator import spec
from anomaly_operator.desired import dashboard, prometheusrule
from anomaly_operator.desired.alerts import ALERTS
from anomaly_operator.settings import Settings
from operators import a_resource
from tools import promtool_binary

OWN = 'namespace="team",pipeline="boiler",pod="boiler-1"'
OTHER = 'namespace="team",pipeline="another",pod="another-1"'
P = "anomaly_pipeline_"
ALIVE = {f"{P}build_info{{{OWN}}}": "1x60"}


def promtool(*words: str) -> str:
    done = subprocess.run(
        [promtool_binary(), *words], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules_file(folder: Path, wanted: dict[str, Any] | None = None) -> Path:
    pipeline = spec.parse(a_resource(wanted), Settings())
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump(prometheusrule.prometheus_rule(pipeline)["spec"]))
    return path


@pytest.mark.parametrize("interval", ["15s", "1h"])
def test_prometheus_reads_every_rule(interval: str, tmp_path: Path) -> None:
    """Expressions and templates, whatever the scrape interval."""
    path = rules_file(tmp_path, {"monitoring": {"interval": interval}})

    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", "--lint=all", str(path))


def test_prometheus_reads_every_query_of_the_dashboard(tmp_path: Path) -> None:
    """As recording rules, since promtool of that age checks no bare expression."""
    board = json.loads(dashboard.text(spec.parse(a_resource(), Settings())))
    queries = [t["expr"] for panel in board["panels"] for t in panel.get("targets", ())]
    rules = [
        {"record": f"q:{i}", "expr": query.replace("$__rate_interval", "1m")}
        for i, query in enumerate(queries)
    ]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "q", "rules": rules}]}))

    assert f"{len(queries)} rules found" in promtool("check", "rules", str(path))


@dataclass(frozen=True, slots=True)
class Story:
    """Series over an hour, one value a minute, and when the alert may be heard."""

    alert: str
    series: dict[str, str]
    quiet_at: int
    fires_at: int | None
    labels: dict[str, str]


STORIES = [
    Story("AnomalyPipelineDown", {f"{P}build_info{{{OTHER}}}": "1x60"}, 4, 6, {}),
    Story("AnomalyPipelineDown", ALIVE, 4, None, {}),
    Story(
        "AnomalyPipelineRedisDown",
        {**ALIVE, f"{P}redis_up{{{OWN}}}": "1x9 0x50", f"{P}redis_up{{{OTHER}}}": "1x60"},
        10,
        12,
        {},
    ),
    Story("AnomalyPipelineRedisDown", {f"{P}redis_up{{{OTHER}}}": "0x60"}, 5, None, {}),
    Story(
        "AnomalyPipelineNoData",
        {f'{P}samples_received_total{{{OWN},protocol="json"}}': "0+60x19 1140x40"},
        28,
        36,
        {},
    ),
    Story(
        "AnomalyPipelineNoData",
        {f'{P}samples_received_total{{{OWN},protocol="json"}}': "0x60"},
        30,
        None,
        {},
    ),
    Story(
        "AnomalyPipelineIngestRejecting",
        {
            f'{P}samples_received_total{{{OWN},protocol="json"}}': "0+100x60",
            f'{P}samples_rejected_total{{{OWN},protocol="json",reason="future"}}': "0+10x60",
            f'{P}samples_rejected_total{{{OWN},protocol="json",reason="value"}}': "0+1x60",
        },
        9,
        15,
        {"protocol": "json", "reason": "future"},
    ),
    Story(
        "AnomalyPipelineIngestRefusing",
        {f'{P}requests_refused_total{{{OWN},reason="buffer"}}': "0+5x60"},
        9,
        13,
        {"reason": "buffer"},
    ),
    Story(
        "AnomalyPipelineBufferSaturated",
        {
            f"{P}buffer_samples{{{OWN}}}": "100x9 19000x50",
            f"{P}buffer_capacity_samples{{{OWN}}}": "20000x60",
        },
        12,
        16,
        {},
    ),
    Story(
        "AnomalyPipelineIngestSlow",
        {
            f'{P}ingest_duration_seconds_bucket{{{OWN},protocol="json",le="1"}}': "0+50x60",
            f'{P}ingest_duration_seconds_bucket{{{OWN},protocol="json",le="2.5"}}': "0+100x60",
            f'{P}ingest_duration_seconds_bucket{{{OWN},protocol="json",le="+Inf"}}': "0+100x60",
        },
        9,
        13,
        {},
    ),
    Story(
        "AnomalyPipelineStalling",
        {f"{P}event_loop_lag_seconds{{{OWN}}}": "0.7x60"},
        9,
        11,
        {"pod": "boiler-1"},
    ),
    Story(
        "AnomalyPipelineRequestsFailing",
        {f"{P}requests_failed_total{{{OWN}}}": "0+1x60"},
        4,
        8,
        {},
    ),
    Story(
        "AnomalyPipelineAnomalyRateHigh",
        {
            f'{P}anomalies_total{{{OWN},family="level"}}': "0+5x60",
            f"{P}samples_scored_total{{{OWN}}}": "0+60x60",
        },
        4,
        12,
        {},
    ),
    Story(
        "AnomalyPipelineAlertsNotDelivered",
        {
            f'{P}alert_deliveries_total{{{OWN},receiver="am",result="failed"}}': "0+1x60",
            f'{P}alert_deliveries_total{{{OWN},receiver="am",result="delivered"}}': "0+1x60",
            f'{P}alert_deliveries_total{{{OWN},receiver="hook",result="delivered"}}': "0+9x60",
        },
        9,
        13,
        {"receiver": "am"},
    ),
    Story(
        "AnomalyPipelineAnomaliesLost",
        {f"{P}anomalies_lost_total{{{OWN}}}": "0x9 7x50"},
        8,
        11,
        {},
    ),
    Story(
        "AnomalyPipelineBrokerDisconnected",
        {f'{P}mqtt_connected{{{OWN},broker="b:1883"}}': "1x9 0x50"},
        14,
        16,
        {"broker": "b:1883"},
    ),
    Story(
        "AnomalyPipelineAnomalyRateHigh",
        {
            f'{P}anomalies_total{{{OWN},family="level"}}': "0+5x60",
            f"{P}samples_scored_total{{{OWN}}}": "0+60000x60",
        },
        40,
        None,
        {},
    ),
]


def test_every_alert_has_a_story() -> None:
    """None is left that was never seen to fire."""
    assert {story.alert for story in STORIES if story.fires_at} == {each.name for each in ALERTS}


@pytest.mark.parametrize("story", STORIES, ids=lambda s: f"{s.alert} {s.fires_at or 'never'}")
def test_an_alert_fires_when_it_should_and_not_before(story: Story, tmp_path: Path) -> None:
    """Over an hour of series, by Prometheus' own evaluation; labels say which pipeline."""
    severity = next(each.severity for each in ALERTS if each.name == story.alert)
    labels = {"namespace": "team", "pipeline": "boiler", "severity": severity, **story.labels}
    moments: list[dict[str, Any]] = [
        {"eval_time": f"{story.quiet_at}m", "alertname": story.alert, "exp_alerts": []}
    ]
    if story.fires_at is None:
        moments.append({"eval_time": "59m", "alertname": story.alert, "exp_alerts": []})
    test = {
        "rule_files": [str(rules_file(tmp_path))],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": s, "values": v} for s, v in story.series.items()],
                "alert_rule_test": moments,
                "promql_expr_test": []
                if story.fires_at is None
                else [
                    {
                        "expr": f'ALERTS{{alertname="{story.alert}",alertstate="firing"}}',
                        "eval_time": f"{story.fires_at}m",
                        "exp_samples": [{"labels": _text(story.alert, labels), "value": 1}],
                    }
                ],
            }
        ],
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(test))

    promtool("test", "rules", str(path))


def _text(alert: str, labels: dict[str, str]) -> str:
    pairs = {**labels, "alertname": alert, "alertstate": "firing"}
    return "ALERTS{" + ",".join(f'{name}="{value}"' for name, value in pairs.items()) + "}"
