"""Counters and histograms of our own, against those of prometheus_client."""

from __future__ import annotations

import prometheus_client
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from anomaly_dataplane.exposition import exposition
from anomaly_dataplane.tallies import Counter, Histogram

BOUNDS = (0.001, 0.5, 1.0, 2.0)
LABELS = st.sampled_from(["json", 'a "quoted" one', "two\nlines"])


def text(scraped: bytes) -> list[str]:
    """What a scrape shows; the time of creation apart, which ours do not tell."""
    return [line for line in scraped.decode().splitlines() if "_created" not in line]


@given(st.lists(st.tuples(LABELS, st.integers(0, 2**40))))
def test_a_counter_shows_what_the_library_s_own_would(added: list[tuple[str, int]]) -> None:
    """Names, help, labels and numbers, to the byte."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    counter = Counter("seen_total", "Things seen.", ("protocol",))
    plain = Counter("all_total", "All of them.", ())
    ours.register(counter)
    ours.register(plain)
    reference = prometheus_client.Counter(
        "seen_total", "Things seen.", ("protocol",), registry=theirs
    )
    plain_reference = prometheus_client.Counter("all_total", "All of them.", registry=theirs)
    for label, amount in added:
        counter.labels(label).inc(amount)
        reference.labels(label).inc(amount)
        plain.labels().inc()
        plain_reference.inc()

    assert text(exposition(ours.collect())) == text(generate_latest(theirs))


@given(st.lists(st.tuples(LABELS, st.floats(0, 10) | st.sampled_from(BOUNDS))))
def test_a_histogram_shows_what_the_library_s_own_would(seen: list[tuple[str, float]]) -> None:
    """A value that equals a bound is below it; buckets add up."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("took_seconds", "Time it took.", ("protocol",), BOUNDS)
    plain = Histogram("sizes", "Sizes.", (), BOUNDS)
    ours.register(histogram)
    ours.register(plain)
    reference = prometheus_client.Histogram(
        "took_seconds", "Time it took.", ("protocol",), registry=theirs, buckets=BOUNDS
    )
    plain_reference = prometheus_client.Histogram(
        "sizes", "Sizes.", registry=theirs, buckets=BOUNDS
    )
    for label, value in seen:
        histogram.labels(label).observe(value)
        reference.labels(label).observe(value)
        plain.labels().observe(value)
        plain_reference.observe(value)

    assert text(exposition(ours.collect())) == text(generate_latest(theirs))
