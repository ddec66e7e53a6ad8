"""The operator's own port, its metrics and its log lines."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from anomaly_operator import health, logs
from anomaly_operator.inventory import Inventory
from anomaly_operator.telemetry import PREFIX, Telemetry
from operators import a_resource


def test_every_metric_is_documented_and_none_that_does_not_exist() -> None:
    """In docs/monitoring.md, with its name, kind and text."""
    telemetry = Telemetry()
    telemetry.watch(Inventory(), *(lambda: 0.0,) * 4)
    exposed = telemetry.text().decode()
    kinds = dict(re.findall(rf"^# TYPE {PREFIX}(\w+) (\w+)$", exposed, re.MULTILINE))
    texts = dict(re.findall(rf"^# HELP {PREFIX}(\w+) (.+)$", exposed, re.MULTILINE))
    page = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
    table = page.partition("`anomaly_operator_`")[2]
    rows = re.findall(r"^\| `(\w+)(?:\{[\w,]+\})?` \| (\w+) \| (.+) \|$", table, re.MULTILINE)

    assert {name: kind for name, kind, _ in rows} == kinds
    for name, _, text in rows:
        assert texts[name].rstrip(".") in text or name == "pipeline_info"


def test_whatever_a_pipeline_says_the_page_can_be_read() -> None:
    """The name of an image is any text: whoever may write one must not take away all metrics."""
    image = 'r/d:1"} 0\nanomaly_operator_leader 0\n\\'
    known = Inventory()
    known.put_pipeline({**a_resource(), "status": {"image": image}}, watched=True)
    telemetry = Telemetry()
    telemetry.watch(known, *(lambda: 1.0,) * 4)

    families = {f.name: f for f in text_string_to_metric_families(telemetry.text().decode())}

    (info,) = families[f"{PREFIX}pipeline_info"].samples
    assert info.labels["image"] == image
    assert [each.value for each in families[f"{PREFIX}leader"].samples] == [1]


async def test_liveness_readiness_and_metrics_are_served() -> None:
    """Liveness fails with the reason when the watch is deaf."""
    known = Inventory()
    condition = {"type": "Ready", "status": "False"}
    known.put_pipeline(
        {**a_resource({"detection": {"method": "ZScore"}}), "status": {"conditions": [condition]}},
        watched=True,
    )
    telemetry = Telemetry()
    telemetry.watch(known, lambda: 3.0, lambda: 0.5, lambda: 1.5, lambda: 1.0)
    telemetry.count_request("patch", "services", 200)
    deaf, ready = "", False

    async with (
        health.serve("127.0.0.1", 0, telemetry.text, lambda: deaf, lambda: ready) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        assert (await session.get("/livez")).status == 200
        assert (await session.get("/readyz")).status == 503
        deaf, ready = "a change was not seen", True
        failed = await session.get("/livez")
        assert (failed.status, await failed.text()) == (503, "a change was not seen\n")
        assert (await session.get("/readyz")).status == 200
        shown = await (await session.get("/metrics")).text()

    for line in (
        'anomaly_operator_pipeline_info{image="",method="ZScore",name="boiler",namespace="team",'
        'redis_mode=""} 1.0',
        "anomaly_operator_queue_depth 3.0",
        "anomaly_operator_watch_age_seconds 1.5",
        'anomaly_operator_api_requests_total{code="200",resource="services",verb="patch"} 1.0',
        'anomaly_operator_pipeline_condition{name="boiler",namespace="team",status="False",'
        'type="Ready"} 1.0',
        'anomaly_operator_pipeline_condition{name="boiler",namespace="team",status="True",'
        'type="Ready"} 0.0',
    ):
        assert line in shown


def test_a_log_line_is_json_with_the_pipeline_in_work() -> None:
    """Machines find every line about one pipeline."""
    token = logs.pipeline_var.set(logs.Subject("team", "boiler", "u-1"))
    try:
        raise ValueError("boom")
    except ValueError:
        record = logging.LogRecord("n", logging.ERROR, "p", 1, "said %s", ("it",), sys.exc_info())
    line = json.loads(logs.JsonFormatter().format(record))
    text = logs.TextFormatter().format(record)
    logs.pipeline_var.reset(token)

    assert (line["namespace"], line["name"], line["uid"]) == ("team", "boiler", "u-1")
    assert line["message"] == "said it"
    assert "boom" in line["exception"]
    assert "[team/boiler]: said it" in text
