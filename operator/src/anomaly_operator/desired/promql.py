"""PromQL of one pipeline out of the templates of `alerts` and `dashboard`."""

from __future__ import annotations

import re

from anomaly_dataplane.contract.fields import Duration
from anomaly_operator.spec import Pipeline

LABEL = "pipeline"
"""The label with the pipeline's name that the ServiceMonitor adds to every series of its pods."""

_SCRAPES_IN_A_RANGE = 4
"""So many must fit, or `rate` sees too few samples."""


def selector(pipeline: Pipeline) -> str:
    """The labels that all series of a pipeline carry, and no others."""
    return f'namespace="{pipeline.namespace}",{LABEL}="{pipeline.name}"'


def own(template: str, pipeline: Pipeline) -> str:
    """The expression about this pipeline, its ranges long enough for its scrape interval."""
    interval = Duration(1, 3600).read(pipeline.monitoring.interval, "interval")
    shortest = -(-interval * _SCRAPES_IN_A_RANGE // 60)

    def long_enough(found: re.Match[str]) -> str:
        return f"[{max(int(found[1]), int(shortest))}m]"

    return re.sub(r"\[(\d+)m\]", long_enough, template.replace("SELF", selector(pipeline)))
