"""Metrics: those of the contract, and nothing but them under our prefix."""

from __future__ import annotations

from anomaly_dataplane.contract.metrics import METRICS, PREFIX
from anomaly_dataplane.observer import Committed, Observer
from anomaly_dataplane.telemetry import Telemetry


def families(text: str) -> dict[str, str]:
    lines = [line.split(" ") for line in text.splitlines() if line.startswith("# TYPE ")]
    return {line[2]: line[3] for line in lines}


def test_every_metric_of_the_contract_is_shown_and_no_other() -> None:
    """Dashboards and alerts are written against the contract."""
    shown = families(Telemetry("1", "python").exposition().decode())
    ours = {name: kind for name, kind in shown.items() if name.startswith(PREFIX)}
    assert ours == {PREFIX + metric.name: metric.kind for metric in METRICS}


def test_the_process_is_shown_beside_it() -> None:
    """Memory and CPU, under the names that everybody knows."""
    shown = families(Telemetry("1", "python").exposition().decode())
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total"} <= set(shown)


def test_a_commit_is_counted_once() -> None:
    """By batch, never by sample."""
    telemetry = Telemetry("1", "python")
    observer: Observer = telemetry
    observer.committed(
        Committed(
            series=3,
            seconds=0.004,
            accepted=10,
            duplicate=2,
            late=1,
            scored=7,
            outliers=4,
            anomalies_by_family={"zscore": 1},
        )
    )
    observer.conflicts(5)
    observer.store_failed("timeout")
    observer.store_up(True)
    telemetry.watch_cache(lambda: 6)
    protocol = telemetry.protocol("json")
    protocol.received(13)
    protocol.accepted(10)
    protocol.rejected(["value", "value", "field"])
    telemetry.refused("buffer_full")
    telemetry.bad_request(413)

    text = telemetry.exposition().decode()
    for line in (
        'samples_accepted_total{protocol="json"} 10.0',
        "samples_duplicate_total 2.0",
        "samples_late_total 1.0",
        "samples_scored_total 7.0",
        "outliers_total 4.0",
        'anomalies_total{family="zscore"} 1.0',
        "batch_series_sum 3.0",
        'commit_duration_seconds_bucket{le="0.005"} 1.0',
        "commit_conflicts_total 5.0",
        'redis_errors_total{kind="timeout"} 1.0',
        "redis_up 1.0",
        "series_cached 6.0",
        'samples_received_total{protocol="json"} 13.0',
        'samples_rejected_total{protocol="json",reason="value"} 2.0',
        'requests_refused_total{reason="buffer_full"} 1.0',
        'requests_rejected_total{code="413"} 1.0',
        'build_info{kernels="python",version="1"} 1.0',
    ):
        assert PREFIX + line + "\n" in text


def test_the_fill_of_the_buffer_is_read_when_asked_for() -> None:
    """It changes faster than anybody scrapes."""
    telemetry = Telemetry("1", "python")
    telemetry.watch_buffer(lambda: 42, 100)
    text = telemetry.exposition().decode()
    assert f"{PREFIX}buffer_samples 42.0" in text
    assert f"{PREFIX}buffer_capacity_samples 100.0" in text
