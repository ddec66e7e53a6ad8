"""The text of metrics, against that of prometheus_client."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from anomaly_dataplane.exposition import exposition
from anomaly_dataplane.tallies import Counter, Histogram

TEXT = st.text(st.sampled_from('ab\\"\n{}=,é'))
NUMBER = st.floats() | st.integers(0, 2**60).map(float)


@given(TEXT, st.lists(st.tuples(TEXT, TEXT, NUMBER)))
def test_any_label_help_and_number_is_written_as_the_library_writes_it(
    told: str, seen: list[tuple[str, str, float]]
) -> None:
    """To the byte: it is what dashboards and alerts are built on."""
    registry = CollectorRegistry()
    counter = Counter("seen_total", told, ("kind", "at"))
    histogram = Histogram("took_seconds", told, ("at", "kind"), (0.5, 1.0, 25.0))
    registry.register(counter)
    registry.register(histogram)
    gauge = Gauge("level", told, ("kind", "at"), registry=registry)
    for kind, at, number in seen:
        counter.labels(kind, at).inc(number)
        histogram.labels(at, kind).observe(number)
        gauge.labels(kind, at).set(number)
    Gauge("plain", told, registry=registry).set(len(seen))

    assert exposition(registry.collect()) == generate_latest(registry)


def test_what_the_library_tells_of_a_process_is_written_alike() -> None:
    """Memory, files, Python: collectors that are not ours. Their numbers change as one looks."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)

    def without_numbers(text: bytes) -> list[str]:
        return [line.rpartition(" ")[0] for line in text.decode().splitlines() if line[:1] != "#"]

    ours, theirs = exposition(registry.collect()), generate_latest(registry)
    assert without_numbers(ours) == without_numbers(theirs)
    about = [[n for n in text.splitlines() if n.startswith(b"#")] for text in (ours, theirs)]
    assert about[0] == about[1]
    assert b"process_resident_memory_bytes " in ours
