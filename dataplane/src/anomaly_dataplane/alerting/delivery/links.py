"""Links from what people are told to the pipeline itself. Used by both kinds of receivers."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlencode

from anomaly_dataplane.alerting.alert import Alert, Kind
from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_dataplane.contract.runtime import PATH_EXPLAIN, PATH_SERIES

Link = Callable[[Alert], str]
"""Where people see more of an alert; empty if there is no such place."""


def link(config: PipelineConfig, alert: Alert) -> str:
    """The live page at what the alert is about; without a page, what the API tells of it.

    Empty where nobody knows how people reach the pipeline: a dead link is worse than none.
    """
    base = config.public_url.rstrip("/")
    if not base:
        return ""
    if alert.kind is Kind.SERIES:
        about = {"series": alert.series}
        plain = PATH_EXPLAIN.format(id=quote(alert.series))
    else:
        about = {"label": ":".join(next(iter(alert.labels.items())))}
        plain = f"{PATH_SERIES}?{urlencode(about)}"
    return f"{base}/#{urlencode(about)}" if config.page.enabled else base + plain
