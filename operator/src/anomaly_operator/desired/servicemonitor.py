"""Scraping by the Prometheus operator, where it is installed."""

from __future__ import annotations

from anomaly_dataplane.contract import runtime
from anomaly_dataplane.contract.fields import Duration
from anomaly_operator import kinds, names
from anomaly_operator.desired import promql
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.spec import Pipeline

_SCRAPE_TIMEOUT_SECONDS = 10
"""Prometheus' own default, which must not be longer than the interval."""


def service_monitor(pipeline: Pipeline) -> Manifest:
    """The ServiceMonitor."""
    interval = pipeline.monitoring.interval
    short = Duration(1, 3600).read(interval, "interval") < _SCRAPE_TIMEOUT_SECONDS
    name = names.dataplane(pipeline.name)
    head = manifest(
        pipeline, kinds.SERVICE_MONITOR, name, names.METRICS, labels=pipeline.monitoring.labels
    )
    return {
        **head,
        "spec": {
            "selector": {"matchLabels": names.selector(pipeline.name, names.METRICS)},
            "endpoints": [
                {
                    "port": runtime.ADMIN_PORT_NAME,
                    "path": runtime.PATH_METRICS,
                    "interval": interval,
                    "scrapeTimeout": interval if short else f"{_SCRAPE_TIMEOUT_SECONDS}s",
                    "relabelings": [
                        {"targetLabel": promql.LABEL, "replacement": pipeline.name},
                    ],
                }
            ],
        },
    }
