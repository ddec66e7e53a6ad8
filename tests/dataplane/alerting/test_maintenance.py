"""Maintenance windows: nobody hears of what is in one, and of what outlasts it at its end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerting_story import Story
from events import raised, recovered
from samples import START_MS, a_series

BOILER = a_series(partitions=1, device="boiler-1", site="berlin-2")
OTHER = a_series(partitions=1, device="boiler-2", site="bern-1")
HOUR = 3600


def at(second: float) -> str:
    """The time so many seconds after the start, as a CR says it."""
    return datetime.fromtimestamp(START_MS / 1e3 + second, UTC).isoformat()


def a_window(start: float, duration: str, **more: object) -> Story:
    window = {"name": "service", "start": at(start), "duration": duration, **more}
    return Story(coolDown="0s", maintenance=[window])


async def test_what_opens_in_a_window_and_outlasts_it_is_told_at_its_end() -> None:
    """Until then it is kept, and says why nobody was told."""
    story = a_window(0, "1h")
    assert await story.at(10, (BOILER, raised(BOILER, 10))) == []
    assert [alert.hush for alert in story.open] == ["maintenance: service"]
    assert await story.at(HOUR - 1) == []
    assert await story.at(HOUR) == ["Opened Above"]
    assert [alert.hush for alert in story.open] == [""]


async def test_what_comes_and_goes_in_a_window_is_never_told() -> None:
    """Not at its end either, however soon that is."""
    story = a_window(0, "1h")
    await story.at(HOUR - 60, (BOILER, raised(BOILER, HOUR - 60)))
    over = recovered(BOILER, HOUR - 30, episode=HOUR - 60)
    assert await story.at(HOUR - 30, (BOILER, over)) == []
    for second in (HOUR, HOUR + 1, HOUR + 1800):
        assert await story.at(second) == []
    assert story.alerts() == []


async def test_trouble_after_a_window_is_told_also_if_the_series_had_some_within() -> None:
    """What was not told of the window does not keep it silent."""
    story = a_window(0, "1h")
    await story.at(HOUR - 60, (BOILER, raised(BOILER, HOUR - 60)))
    await story.at(HOUR - 30, (BOILER, recovered(BOILER, HOUR - 30, episode=HOUR - 60)))
    assert await story.at(HOUR + 5, (BOILER, raised(BOILER, HOUR + 5))) == ["Opened Above"]
    assert [alert.anomalies for alert in story.open] == [1]


async def test_what_was_told_before_a_window_is_resolved_within_it() -> None:
    """Updates of it wait for the end."""
    story = a_window(60, "1h")
    assert await story.at(0, (BOILER, raised(BOILER, 0))) == ["Opened Above"]
    assert await story.at(70, (BOILER, raised(BOILER, 70, episode=0))) == []
    assert await story.at(80, (BOILER, recovered(BOILER, 80, episode=0))) == ["Resolved Above"]


@pytest.mark.parametrize(
    ("second", "told"), [(-1, True), (0, False), (59, False), (60, True), (86400, True)]
)
async def test_a_window_comes_once(second: float, told: bool) -> None:
    """From its start, for its duration."""
    story = a_window(0, "1m")
    assert bool(await story.at(second, (BOILER, raised(BOILER, second)))) is told


@pytest.mark.parametrize(
    ("second", "told"),
    [(-1, True), (0, False), (60, True), (HOUR - 1, True), (HOUR, False), (25 * HOUR + 59, False)],
)
async def test_a_window_comes_again(second: float, told: bool) -> None:
    """Every so often since its first start, and not before that."""
    story = a_window(0, "1m", every="1h")
    assert bool(await story.at(second, (BOILER, raised(BOILER, second)))) is told


@pytest.mark.parametrize(
    ("match", "meant"),
    [
        ({}, True),
        ({"metric": "temperature"}, True),
        ({"metric": "temp"}, False),
        ({"metric": "temp.*", "labels": {"site": "berlin-.*"}}, True),
        ({"labels": {"site": "berlin"}}, False),
        ({"metric": "pressure", "labels": {"site": "berlin-.*"}}, False),
        ({"labels": {"line": ""}}, True),
        ({"labels": {"line": ".+"}}, False),
    ],
)
async def test_a_window_is_for_the_series_that_it_matches(
    match: dict[str, object], meant: bool
) -> None:
    """Whole names and whole values; a label that a series lacks is empty."""
    story = a_window(0, "1h", match=match)
    assert bool(await story.at(1, (BOILER, raised(BOILER, 1)))) is not meant


async def test_series_outside_a_window_are_told() -> None:
    """At the same time."""
    story = a_window(0, "1h", match={"labels": {"site": "berlin-.*"}})
    events = (BOILER, raised(BOILER, 1)), (OTHER, raised(OTHER, 1))
    assert await story.at(1, *events) == ["Opened Above"]
    assert {alert.labels["site"]: alert.told for alert in story.open} == {
        "berlin-2": False,
        "bern-1": True,
    }


async def test_a_window_that_is_taken_back_is_over() -> None:
    """As of an edit of the pipeline."""
    story = a_window(0, "1h")
    assert await story.at(1, (BOILER, raised(BOILER, 1))) == []
    story.update(coolDown="0s")
    assert await story.at(2) == ["Opened Above"]
