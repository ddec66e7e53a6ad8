"""Prometheus takes a pipeline up by itself, its alerts arrive, its dashboard shows data."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from anomaly_operator.desired.alerts import ALERTS
from device import call
from kube import Kubectl, Manifest
from pipelines import LIGHT, RESOURCE, Pipeline, noise
from polling import eventually
from prometheus import Prometheus

pytestmark = pytest.mark.e2e

SPEC: dict[str, Any] = {
    **LIGHT,
    "replicas": 2,
    "autoscaling": {"enabled": False},
    # What kube-prometheus-stack's Prometheus selects by, and this cluster's too.
    # Anomalies go to the cluster's own Alertmanager, too.
    "alerting": {"alertmanager": {"urls": ["http://alertmanager-operated.monitoring.svc:9093"]}},
    "monitoring": {"interval": "5s", "labels": {"release": "kube-prometheus-stack"}},
}
SECONDS = itertools.count()


@pytest.fixture(scope="module")
def prometheus(operator: Kubectl) -> Prometheus:
    """The cluster's own; `make cluster` brings it."""
    if operator.within("monitoring").get("service", "prometheus-operated") is None:
        pytest.fail("this cluster has no Prometheus in namespace monitoring (`make cluster`)")
    return Prometheus(operator)


@pytest.fixture(scope="module")
def pipeline(kubectl: Kubectl, ingress: str) -> Iterator[Pipeline]:
    """Two pods and a Redis that the operator runs."""
    pipeline = Pipeline(kubectl, "watched", ingress)
    pipeline.apply(SPEC)
    pipeline.await_ready()
    pipeline.send_until_taken(noise("hello", "world", 1))
    yield pipeline
    kubectl.delete(RESOURCE, pipeline.name, wait=False)


def own(pipeline: Pipeline) -> str:
    return f'namespace="{pipeline.kubectl.namespace}",pipeline="{pipeline.name}"'


def test_every_pod_is_scraped(pipeline: Pipeline, prometheus: Prometheus) -> None:
    """By the ServiceMonitor alone: nobody told Prometheus anything."""
    pipeline.await_condition("MonitoringConfigured", "True", "MonitoringApplied")
    pods = {pod["metadata"]["name"] for pod in pipeline.pods()}

    def scraped() -> bool:
        up = prometheus.query(f"up{{{own(pipeline)}}}")
        assert {found["labels"]["pod"] for found in up if found["value"] == 1} == pods, up
        return True

    assert len(pods) == 2
    eventually("both pods are scraped", scraped, pause=1)


def test_every_alert_is_loaded(pipeline: Pipeline, prometheus: Prometheus) -> None:
    """Prometheus has the rules of the PrometheusRule, and evaluates each without an error."""
    wanted = {alert.name: "ok" for alert in ALERTS}

    def loaded() -> bool:
        found = prometheus.rules(pipeline.kubectl.namespace)
        assert found == wanted, found
        return True

    eventually("the rules are loaded", loaded, pause=1)


def test_a_pipeline_without_the_label_is_not_taken_up(
    pipeline: Pipeline, prometheus: Prometheus
) -> None:
    """So the label is what makes it work beside kube-prometheus-stack."""
    plain = Pipeline(pipeline.kubectl, "unlabelled", pipeline.ingress)
    plain.apply({**LIGHT, "monitoring": {"prometheusRule": False, "dashboard": False}})
    plain.await_ready()
    plain.await_condition("MonitoringConfigured", "True")

    assert pipeline.kubectl.need("servicemonitor", plain.name)
    assert prometheus.query(f"up{{{own(plain)}}}") == []
    pipeline.kubectl.delete(RESOURCE, plain.name, wait=False)


def test_a_stopped_redis_is_heard_of_in_alertmanager(
    pipeline: Pipeline, prometheus: Prometheus
) -> None:
    """Redis gets an image that there is not; a minute later Alertmanager has the alert."""
    nothing = {"managed": {"image": "registry.invalid/redis:typo"}}
    pipeline.apply({**SPEC, "redis": nothing})

    def arrived() -> Manifest | None:
        pipeline.send(noise("outage", "pump-1", 1, first=next(SECONDS)))
        for alert in prometheus.alerts_received(pipeline.kubectl.namespace):
            if alert["labels"]["alertname"] == "AnomalyPipelineRedisDown":
                return alert
        return None

    alert = eventually("the alert arrives", arrived, within=240, pause=2)
    assert alert["labels"]["pipeline"] == pipeline.name
    assert alert["labels"]["severity"] == "critical"
    assert alert["annotations"]["summary"]
    pipeline.apply(SPEC)
    pipeline.await_ready()


def test_every_query_of_the_dashboard_returns_data(
    pipeline: Pipeline, prometheus: Prometheus
) -> None:
    """Traffic, latency, outliers, anomalies, CPU, memory, network, Redis: no panel is empty."""
    config_map = pipeline.kubectl.need("configmap", f"{pipeline.name}-dashboard")
    assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"
    (board,) = config_map["data"].values()
    empty = {
        target["expr"].replace("$__rate_interval", "2m")
        for panel in json.loads(board)["panels"]
        for target in panel.get("targets", ())
    }
    assert len(empty) > 30
    steady, spike = noise("flow", "valve-1", 120), noise("flow", "valve-1", 1, first=120, level=90)
    pipeline.send_until_taken(steady)

    def all_have_data() -> bool:
        pipeline.send([*spike, {"metric": "flow"}])  # a duplicate, and what is no sample
        call("POST", pipeline.base + "/api/v1/ingest", body=b"{")
        for expression in sorted(empty):
            if prometheus.query(expression):
                empty.discard(expression)
        assert not empty, empty
        return True

    eventually("every query has data", all_have_data, within=300, pause=5)
