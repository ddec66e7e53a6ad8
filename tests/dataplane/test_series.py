"""Identity of series."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.series import UNRESOLVED, Series, SeriesTable
from samples import a_series

labels = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)


@given(st.text(), labels)
def test_the_order_of_labels_makes_no_difference(metric: str, pairs: dict[str, str]) -> None:
    """Senders list labels as they please."""
    backwards = dict(reversed(pairs.items()))

    assert Series(metric, pairs, 4).id == Series(metric, backwards, 4).id
    table = SeriesTable(4)
    assert table.get(metric, pairs) is table.get(metric, backwards)


@given(st.text(max_size=4), labels, st.text(max_size=4), labels)
def test_different_series_have_different_ids(
    metric: str, pairs: dict[str, str], other_metric: str, other_pairs: dict[str, str]
) -> None:
    """No name and label can be cut differently to look like another."""
    same = (metric, pairs) == (other_metric, other_pairs)

    assert (Series(metric, pairs, 4).id == Series(other_metric, other_pairs, 4).id) == same


def test_an_id_never_changes() -> None:
    """It names the state in Redis: a new release must find what an old one wrote."""
    series = a_series("temperature", partitions=4, site="a", device="boiler-1")

    assert (series.id, series.partition) == ("a124a5814d946b7c640824a5", 1)


def test_series_spread_evenly_over_partitions() -> None:
    """Each primary of a Cluster gets its share."""
    counts = [0] * 4
    for i in range(4000):
        counts[a_series(device=str(i)).partition] += 1

    assert all(900 < count < 1100 for count in counts)


def test_a_series_is_written_as_people_write_it() -> None:
    """Logs and messages show the Prometheus form."""
    series = a_series("temp", site='say "a"', device="b\\1")

    assert series.name == 'temp{device="b\\\\1",site="say \\"a\\""}'
    assert a_series("temp").name == "temp"


def test_a_table_forgets_the_series_longest_unused() -> None:
    """A sender with random labels cannot eat the pod's memory."""
    table = SeriesTable(4, limit=100)
    steady = table.get("steady", {})
    for i in range(10_000):
        table.get("churn", {"i": str(i)})
        assert table.get("steady", {}) is steady

    assert len(table) <= 101


def test_what_was_once_known_as_a_counter_stays_one() -> None:
    """Some requests of a sender bring the metric's type, others do not."""
    series = a_series("requests_total")
    series.rule = 3

    series.cumulative = False
    assert (series.cumulative, series.rule) == (False, 3)

    series.cumulative = True
    series.cumulative = False
    assert (series.cumulative, series.rule) == (True, UNRESOLVED)
    assert series.id == a_series("requests_total").id
