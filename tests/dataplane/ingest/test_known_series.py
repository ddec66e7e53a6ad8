"""From spellings to series."""

from __future__ import annotations

import pytest

from anomaly_dataplane.ingest.known_series import KnownSeries, text_of
from anomaly_dataplane.ingest.parsed import BadSample
from anomaly_dataplane.series import SeriesTable


@pytest.fixture
def known() -> KnownSeries:
    return KnownSeries(SeriesTable(4))


def test_a_spelling_is_learnt_once(known: KnownSeries) -> None:
    """The second time it is a look-up."""
    assert known.by_text == {}
    series = known.learn(("m", b'{"a":"1"}', None))
    assert known.by_text == {b'{"a":"1"}': series}


def test_metrics_with_the_same_labels_are_told_apart(known: KnownSeries) -> None:
    """One text of labels for all that a device measures."""
    text = b'{"device":"a"}'
    series = {metric: known.learn((metric, text, None)) for metric in ("cpu", "disk", "load")}
    assert known.by_text == {text: series}
    assert len(known) == 3
    assert [each.metric for each in series.values()] == list(series)


def test_a_device_apart_from_the_labels_is_part_of_the_spelling(known: KnownSeries) -> None:
    """The same labels of two devices are two series."""
    series = [known.learn(("m", b"{}", device)) for device in (None, "a", "b", "aé")]
    assert len({each.id for each in series}) == 4
    assert list(known.by_text.values()) == series
    assert known.by_text[text_of(b"{}", "b")] is series[2]


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
    assert known.by_text == {}


def test_what_is_remembered_is_bounded_in_bytes(
    known: KnownSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Padding that is short enough each time must not fill the memory either; then all go."""
    monkeypatch.setattr("anomaly_dataplane.ingest.known_series.MAX_BYTES", 1000)
    spellings = [b'{"n":"%d"%b}' % (n, b" " * 90) for n in range(50)]
    series = [known.learn((metric, text, None)) for text in spellings for metric in "mn"]
    assert 0 < sum(map(len, known.by_text)) <= 1000
    assert series[0] is known.learn(("m", spellings[0], None))


def test_bad_series_are_not_remembered(known: KnownSeries) -> None:
    """They are named anew each time."""
    for _ in range(2):
        with pytest.raises(BadSample):
            known.learn(("", b"{}", None))
    assert known.by_text == {}
