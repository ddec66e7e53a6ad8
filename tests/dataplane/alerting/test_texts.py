"""Alerts in words that somebody woken at night understands."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from anomaly_dataplane.alerting.alert import Alert, Kind, Sighting, State
from anomaly_dataplane.alerting.texts import plain, summary, texts_of

ALERT = Alert(
    key="s/Above",
    id="s-Above-1",
    kind=Kind.SERIES,
    metric="context_switches",
    labels={"device": "vm"},
    direction="Above",
    state=State.OPEN,
    started_ms=0,
    opened_ms=0,
    updated_ms=0,
    series="s",
    last=Sighting("s-1", 0.0, 21683.4, 6.8, 5.7, "level", (-635.2, 12921.7)),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (99.0, "99"),
        (-0.5, "-0.5"),
        (9.9333, "9.933"),
        (9.9999, "10"),
        (21683.4, "21680"),
        (99999.0, "100000"),
        (1.5e9, "1500000000"),
        (0.00012345, "0.0001234"),
        (0.0000012345, "1.234e-06"),
        (-3.3e18, "-3.3e+18"),
    ],
)
def test_numbers_are_written_as_people_do(value: float, text: str) -> None:
    """Four digits tell enough; an exponent only where zeros would not be counted."""
    assert plain(value) == text


def test_an_alert_says_what_where_and_against_what() -> None:
    """In one line, and by itself in annotations."""
    assert summary(ALERT) == (
        "context_switches (device=vm) is 21680, above the expected -635.2 to 12920"
    )
    texts = texts_of(ALERT)
    assert (texts["value"], texts["expected"]) == ("21683.4", "-635.2 to 12921.7")


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        ("Calm", "is no longer anomalous; it was 21680, above"),
        ("NewNormal", "has a new normal; it was 21680"),
        ("Restarted", "has started over; it was"),
        ("Closed", "has ended; it was"),
        ("Timeout", "is no longer anomalous; it was"),
    ],
)
def test_a_resolved_alert_says_how_it_ended(ending: str, words: str) -> None:
    """And what it had been about."""
    assert words in summary(replace(ALERT, state=State.RESOLVED, ending=ending))


def test_silences_and_groups_have_words_of_their_own() -> None:
    """There is no value to tell of them."""
    silent = replace(ALERT, direction="None")
    assert summary(silent) == "context_switches (device=vm) has stopped reporting"
    over = replace(silent, state=State.RESOLVED, ending="Reporting")
    assert summary(over).endswith("reports again")
    group = replace(ALERT, kind=Kind.GROUP, members=(3, 4), metric="", last=None)
    assert summary(group) == "3 of 4 series of device=vm are anomalous at once"
    assert summary(replace(group, state=State.RESOLVED)).endswith("are still anomalous")
