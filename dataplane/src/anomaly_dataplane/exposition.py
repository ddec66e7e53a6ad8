"""Metrics in Prometheus' text format, version 0.0.4. `telemetry.py` calls it at every scrape.

`prometheus_client` has the same, together with servers and clients for HTTP, which cost every pod a
megabyte; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

_TYPES = {"unknown": "untyped"}


def exposition(metrics: Iterable[Metric]) -> bytes:
    """The text of counters, gauges and histograms."""
    return "".join(line for metric in metrics for line in _lines(metric)).encode()


def _lines(metric: Metric) -> Iterator[str]:
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    told = metric.documentation.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {name} {told}\n# TYPE {name} {_TYPES.get(metric.type, metric.type)}\n"
    for sample in metric.samples:
        yield f"{sample.name}{_labels(sample)} {number(sample.value)}\n"


def _labels(sample: Sample) -> str:
    if not sample.labels:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in sorted(sample.labels.items()))
    return f"{{{','.join(pairs)}}}"


def number(value: float) -> str:
    """A number as the format has it."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]  # the library's own


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
