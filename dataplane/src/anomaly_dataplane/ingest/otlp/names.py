"""OpenTelemetry's names in the alphabet of Prometheus, which alerts and dashboards can write."""

from __future__ import annotations

import re

_NOT_OF_A_METRIC = re.compile(r"[^a-zA-Z0-9_:]")
_NOT_OF_A_LABEL = re.compile(r"[^a-zA-Z0-9_]")


def metric_name(name: str) -> str:
    """`http.server.duration` -> `http_server_duration`; no unit and no suffix is added."""
    return _started(_NOT_OF_A_METRIC.sub("_", name))


def label_name(key: str) -> str:
    """`service.instance.id` -> `service_instance_id`."""
    return _started(_NOT_OF_A_LABEL.sub("_", key))


def _started(name: str) -> str:
    """Names do not start with a digit."""
    return f"_{name}" if name[:1].isdigit() else name
