"""From spellings to series."""

from __future__ import annotations

import pytest

from anomaly_dataplane.ingest.known_series import KnownSeries
from anomaly_dataplane.ingest.parsed import BadSample
from anomaly_dataplane.series import SeriesTable


@pytest.fixture
def known() -> KnownSeries:
    return KnownSeries(SeriesTable(4))


def test_a_spelling_is_learnt_once(known: KnownSeries) -> None:
    """The second time it is a look-up."""
    spelling = ("m", b'{"a":"1"}', None)
    assert known.by_spelling == {}
    series = known.learn(spelling)
    assert known.by_spelling == {spelling: series}


def test_all_spellings_of_a_series_give_one_object(known: KnownSeries) -> None:
    """Two objects would be two states."""
    spellings = [
        ("m", b'{"device":"a","b":"2"}', None),
        ("m", b'{ "b": "2", "device": "a" }', None),
        ("m", b'{"b":"2"}', "a"),
    ]
    assert len({id(known.learn(spelling)) for spelling in spellings}) == 1


def test_long_spellings_are_not_remembered(known: KnownSeries) -> None:
    """White space is free for the sender, memory is not for us."""
    known.learn(("m", b"{" + b" " * 5000 + b"}", None))
    assert known.by_spelling == {}


def test_bad_series_are_not_remembered(known: KnownSeries) -> None:
    """They are named anew each time."""
    for _ in range(2):
        with pytest.raises(BadSample):
            known.learn(("", b"{}", None))
    assert known.by_spelling == {}
