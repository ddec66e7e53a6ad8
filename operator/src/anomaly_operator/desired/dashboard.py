"""A dashboard of the pipeline, as the ConfigMap that Grafana's sidecar looks for."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from anomaly_operator import inventory, kinds, names
from anomaly_operator.desired import promql
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.desired.panels import ROWS, Panel
from anomaly_operator.spec import Pipeline

LABEL = "grafana_dashboard"
"""What the sidecar of Grafana's chart selects by, with the value "1"."""

_HEIGHTS = {"row": 1, "stat": 4, "timeseries": 8}
_COLUMNS = 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def config_map(pipeline: Pipeline) -> Manifest:
    """The ConfigMap with the dashboard."""
    labels = {**pipeline.monitoring.labels, LABEL: "1"}
    name = names.dashboard(pipeline.name)
    head = manifest(pipeline, kinds.CONFIG_MAP, name, names.DASHBOARD, labels=labels)
    file = f"{pipeline.namespace}-{names.base(pipeline.name)}.json"
    return {**head, "data": {file: text(pipeline)}}


def text(pipeline: Pipeline) -> str:
    """The dashboard as JSON: built once for all pipelines, filled in for each."""
    base = names.base(pipeline.name)
    filled = {
        "SELF": promql.selector(pipeline),
        "PODS": f'namespace="{pipeline.namespace}",pod=~"{base}-[a-z0-9]+-[a-z0-9]+"',
        "REDIS": f'namespace="{pipeline.namespace}",pod=~"{names.redis(pipeline.name)}-[0-9]+"',
        "TITLE": f"AnomalyPipeline {pipeline.namespace}/{pipeline.name}",
        "UID": f"ap-{inventory.digest([pipeline.namespace, pipeline.name])}",
        "INTERVAL": pipeline.monitoring.interval,
    }
    result = _template(pipeline.redis.managed is not None)
    for token, value in filled.items():
        result = result.replace(token, json.dumps(value)[1:-1])
    return result


@functools.cache
def _template(managed_redis: bool) -> str:
    """The dashboard of any pipeline, with tokens where they differ."""
    source = {"name": "datasource", "label": "Data source", "type": "datasource"}
    board = {
        "uid": "UID",
        "title": "TITLE",
        "tags": ["anomaly-pipeline"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [{**source, "query": "prometheus"}]},
        "panels": list(_panels(managed_redis)),
    }
    return json.dumps(board, separators=(",", ":"))


def _panels(managed_redis: bool) -> Iterator[dict[str, Any]]:
    number = 0
    y = 0
    for row in ROWS:
        number += 1
        place = {"x": 0, "y": y, "w": _COLUMNS, "h": _HEIGHTS["row"]}
        yield {"id": number, "type": "row", "title": row.title, "gridPos": place, "panels": []}
        y += _HEIGHTS["row"]
        x = height = 0
        for panel in row.panels:
            if panel.managed_redis and not managed_redis:
                continue
            if x + panel.width > _COLUMNS:
                x, y = 0, y + height
            number += 1
            height = _HEIGHTS[panel.kind]
            place = {"x": x, "y": y, "w": panel.width, "h": height}
            yield _panel(panel, number, place)
            x += panel.width
        y += height


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        **({"description": panel.about} if panel.about else {}),
        "datasource": _SOURCE,
        "interval": "INTERVAL",
        "gridPos": place,
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "expr": expr, "legendFormat": legend}
            for index, (expr, legend) in enumerate(panel.queries)
        ],
    }


def _field(panel: Panel) -> dict[str, Any]:
    if not panel.yes_or_no:
        return {"unit": panel.unit}
    words = {
        "0": {"text": "no", "color": "red", "index": 0},
        "1": {"text": "yes", "color": "green", "index": 1},
    }
    return {
        "unit": panel.unit,
        "min": 0,
        "max": 1,
        "decimals": 0,
        "mappings": [{"type": "value", "options": words}],
    }
