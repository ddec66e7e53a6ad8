"""The operator's own metrics, each once. Used by `reconcile`, `workqueue`, `cluster`, `resync`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from anomaly_operator.inventory import Inventory

PREFIX = "anomaly_operator_"

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series and tell little


class Telemetry:
    """Counters and gauges of one process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._pipelines = Inventory()
        self.reconciles = Counter(
            f"{PREFIX}reconciles_total",
            "Reconciles, by result: done, retry or error.",
            ("result",),
            registry=self.registry,
        )
        self.errors = Counter(
            f"{PREFIX}reconcile_errors_total",
            "Reconciles that did not come to an end, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self.duration = Histogram(
            f"{PREFIX}reconcile_duration_seconds",
            "Time of one reconcile.",
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30),
            registry=self.registry,
        )
        self.last_success = Gauge(
            f"{PREFIX}last_success_timestamp_seconds",
            "When a reconcile last came to an end without an error.",
            registry=self.registry,
        )
        self.requests = Counter(
            f"{PREFIX}api_requests_total",
            "Requests to the API server but for watches; code 0 is no answer.",
            ("verb", "resource", "code"),
            registry=self.registry,
        )

    def count_request(self, verb: str, resource: str, code: int) -> None:
        """Count one request to the API server."""
        self.requests.labels(verb, resource, str(code)).inc()

    def watch(
        self,
        known: Inventory,
        depth: Callable[[], float],
        age: Callable[[], float],
        watch_age: Callable[[], float],
        leads: Callable[[], float],
    ) -> None:
        """Add the metrics that are read from elsewhere at every scrape."""
        gauges = (
            ("queue_depth", "Pipelines that wait to be reconciled now.", depth),
            ("queue_age_seconds", "For which the oldest of those has been waiting.", age),
            ("pipelines", "Pipelines that are served.", lambda: sum(1 for _ in known.pipelines())),
            ("leader", "Whether this process acts (1) or stands by (0).", leads),
            ("watch_age_seconds", "Since the watch was last known to miss nothing.", watch_age),
        )
        for name, text, read in gauges:
            Gauge(PREFIX + name, text, registry=self.registry).set_function(read)
        self._pipelines = known

    def text(self) -> bytes:
        """What Prometheus reads."""
        about = "".join((*_infos(self._pipelines), *_conditions(self._pipelines)))
        return generate_latest(self.registry) + about.encode()


def _infos(known: Inventory) -> Iterator[str]:
    """What each pipeline is, for joining with its other metrics."""
    name = f"{PREFIX}pipeline_info"
    yield f"# HELP {name} What a pipeline is; the value is always 1.\n"
    yield f"# TYPE {name} gauge\n"
    for key, body in known.pipelines():
        spec = body.get("spec") or {}
        labels = {
            "image": (body.get("status") or {}).get("image", ""),
            "method": (spec.get("detection") or {}).get("method", ""),
            "name": key.name,
            "namespace": key.namespace,
            "redis_mode": (spec.get("redis") or {}).get("mode", ""),
        }
        about = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
        yield f"{name}{{{about}}} 1.0\n"


def _escaped(value: str) -> str:
    """A label's value: an image is any text, which must not end the page for all the others."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _conditions(known: Inventory) -> Iterator[str]:
    """Every condition of every pipeline: 1 for the status it has, 0 for the others.

    Written by hand: of a thousand pipelines they are 30 000 lines, for which the client library
    would keep everything else waiting for half a second at every scrape. No value needs escaping.
    """
    name = f"{PREFIX}pipeline_condition"
    yield f"# HELP {name} Conditions of the pipelines; 1 marks the status that holds.\n"
    yield f"# TYPE {name} gauge\n"
    for key, body in known.pipelines():
        about = f'{name}{{name="{key.name}",namespace="{key.namespace}",status="'
        for condition in (body.get("status") or {}).get("conditions") or ():
            for status in ("True", "False", "Unknown"):
                holds = float(condition["status"] == status)
                yield f'{about}{status}",type="{condition["type"]}"}} {holds}\n'
