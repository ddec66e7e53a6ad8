"""Timestamps in every accepted form."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.ingest.timestamps import (
    BadTimestamp,
    milliseconds,
    next_untimed,
    of_clock,
    rfc3339,
)

MOMENT_US = 1_767_225_600_123_457


@pytest.mark.parametrize(
    "raw",
    [
        MOMENT_US / 1e6,
        MOMENT_US / 1e3,
        MOMENT_US,
        MOMENT_US * 1000,
        "2026-01-01T00:00:00.123457Z",
        "2026-01-01T01:00:00.123457+01:00",
        "2026-01-01T00:00:00.123457999Z",
    ],
)
def test_every_form_of_one_instant_is_the_same_number(raw: float | str) -> None:
    """A sample that is sent again in another unit is still the same sample."""
    assert milliseconds(raw) == MOMENT_US / 1e3


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (-1, "must not be before 1970"),
        (-1e300, "must not be before 1970"),
        (1e300, "far beyond"),
        (10**400, "far beyond"),
        (float("nan"), "far beyond"),
        (float("inf"), "far beyond"),
        ("", "cannot be read"),
        ("yesterday", "cannot be read"),
        ("2026-13-01T00:00:00Z", "cannot be read"),
        ("2026-01-01T00:00:00", "no zone"),
        ("2026-01-01", "no zone"),
        ("1969-12-31T23:59:59Z", "before 1970"),
        ("0001-01-01T00:00:00+23:59", "before 1970"),
    ],
)
def test_what_is_no_timestamp_is_named(raw: float | str, reason: str) -> None:
    """The message says what is wrong and shows what would be right."""
    with pytest.raises(BadTimestamp, match=reason) as caught:
        milliseconds(raw)
    assert "2026-01-01T00:00:00Z" in str(caught.value)


@given(st.integers(5_000_000_000, 4_999_999_999_999))
def test_milliseconds_pass_unchanged(time_ms: int) -> None:
    """Whole milliseconds lose nothing to rounding."""
    assert milliseconds(time_ms) == time_ms


@given(st.floats(1e9, 4e9), st.integers(1, 200))
def test_samples_without_a_time_are_a_microsecond_apart(seconds: float, samples: int) -> None:
    """However the clock's reading lies between two, and however many there are."""
    time_ms = first_ms = of_clock(seconds)
    for _ in range(samples):
        time_ms = next_untimed(time_ms)
    assert round(time_ms * 1e3) - round(first_ms * 1e3) == samples
    assert milliseconds(time_ms * 1e3) == time_ms


@given(st.integers(0, 253_402_300_799_999))
def test_what_the_api_shows_can_be_sent_back(time_ms: int) -> None:
    """Writing and reading are inverse, from 1970 to the end of 9999."""
    text = rfc3339(time_ms)
    assert text.endswith("Z")
    assert milliseconds(text) == time_ms


@given(st.one_of(st.text(), st.floats(), st.integers()))
def test_nothing_but_its_own_error_is_ever_raised(raw: float | str) -> None:
    """Whatever is sent, the answer is a time in range or a BadTimestamp."""
    with contextlib.suppress(BadTimestamp):
        assert 0 <= milliseconds(raw) < 1e16
