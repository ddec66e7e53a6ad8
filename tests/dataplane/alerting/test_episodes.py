"""One open alert a series and side: what opens, updates and resolves it, and what does not."""

from __future__ import annotations

from dataclasses import replace

from alerting_story import Story
from anomaly_dataplane.alerting.alert import State
from anomaly_dataplane.sample import Ending, Kind, Side
from anomaly_dataplane.store.keys import STATE_TTL_MS
from events import commit, raised, recovered, stale
from samples import START_MS, a_series

BOILER = a_series(partitions=1, device="boiler-1")


async def test_an_anomaly_opens_an_alert_a_second_updates_it_and_the_recovery_resolves_it() -> None:
    """One alert all along; it keeps the highest score and says why it is over."""
    story = Story(coolDown="0s")
    assert await story.at(0, (BOILER, raised(BOILER, 0, score=9.0))) == ["Opened Above"]
    (opened,) = story.open
    assert await story.at(1, (BOILER, raised(BOILER, 1, score=7.0, episode=0))) == ["Updated Above"]
    (updated,) = story.open
    assert (updated.id, updated.anomalies, updated.peak) == (opened.id, 2, 9.0)
    assert updated.last is not None
    assert updated.last.score == 7.0

    assert await story.at(2, (BOILER, recovered(BOILER, 2, episode=0))) == ["Resolved Above"]
    (resolved,) = story.alerts()
    assert (resolved.id, resolved.state, resolved.ending) == (
        opened.id,
        State.RESOLVED,
        Ending.CALM,
    )
    assert resolved.resolved_ms > resolved.opened_ms


async def test_both_sides_of_a_series_are_an_alert_each_and_one_recovery_ends_both() -> None:
    """An episode may go over from one side to the other."""
    story = Story()
    above, below = raised(BOILER, 0), raised(BOILER, 1, Side.BELOW, episode=0)
    assert await story.at(0, (BOILER, above)) == ["Opened Above"]
    assert await story.at(1, (BOILER, below)) == ["Opened Below"]
    told = await story.at(2, (BOILER, recovered(BOILER, 2, episode=0)))
    assert sorted(told) == ["Resolved Above", "Resolved Below"]


async def test_two_series_are_two_alerts() -> None:
    """Of one metric, too."""
    story, other = Story(), a_series(partitions=1, device="boiler-2")
    await story.at(0, (BOILER, raised(BOILER, 0)), (other, raised(other, 0)))
    assert len(story.open) == 2
    await story.at(1, (other, recovered(other, 1, episode=0)))
    assert [alert.labels for alert in story.open] == [{"device": "boiler-1"}]


async def test_the_recovery_of_an_episode_that_nobody_heard_of_is_ignored() -> None:
    """A backfill raises nothing, and what it began may end afterwards."""
    story = Story()
    assert await story.at(0, (BOILER, recovered(BOILER, 0, episode=-50))) == []
    assert story.alerts() == []

    await story.at(1, (BOILER, raised(BOILER, 1)))
    assert await story.at(2, (BOILER, recovered(BOILER, 2, episode=-50))) == []
    assert len(story.open) == 1


async def test_a_recovery_that_is_told_again_changes_nothing() -> None:
    """Nor does it resolve what has opened since."""
    story, over = Story(coolDown="0s"), recovered(BOILER, 1, episode=0)
    await story.at(0, (BOILER, raised(BOILER, 0)))
    await story.at(1, (BOILER, over))
    (before,) = story.alerts()
    assert await story.at(2, (BOILER, over)) == []
    assert story.alerts() == [before]
    assert await story.at(3, (BOILER, raised(BOILER, 3))) == ["Opened Above"]
    assert await story.at(4, (BOILER, over)) == []
    assert len(story.open) == 1


async def test_the_next_episode_is_another_alert() -> None:
    """Its receivers have heard that the last one is over."""
    story = Story(coolDown="0s")
    await story.at(0, (BOILER, raised(BOILER, 0)))
    (first,) = story.open
    await story.at(1, (BOILER, recovered(BOILER, 1, episode=0)))
    assert await story.at(2, (BOILER, raised(BOILER, 2))) == ["Opened Above"]
    (second,) = story.open
    assert second.id != first.id
    assert second.anomalies == 1


async def test_a_silent_series_is_an_alert_that_ends_when_it_reports() -> None:
    """Beside the one of its values, which it leaves alone."""
    story = Story()
    silence = stale(BOILER, 1)
    back = replace(
        silence,
        id=f"{silence.episode}-end",
        kind=Kind.RECOVERED,
        ending=Ending.REPORTING,
    )
    await story.at(0, (BOILER, raised(BOILER, 0)))
    assert await story.at(1, (BOILER, silence)) == ["Opened None"]
    assert {(a.direction, a.trigger) for a in story.open} == {("Above", "Score"), ("None", "Stale")}
    assert await story.at(2, (BOILER, back)) == ["Resolved None"]
    assert [alert.direction for alert in story.open] == ["Above"]
    (ended,) = [alert for alert in story.alerts() if not alert.is_open]
    assert ended.ending == Ending.REPORTING


async def test_an_alert_of_which_nothing_more_is_heard_is_resolved() -> None:
    """After resolveAfter, counted from the last anomaly."""
    story = Story(resolveAfter="1h", coolDown="0s")
    await story.at(0, (BOILER, raised(BOILER, 0)))
    await story.at(1800, (BOILER, raised(BOILER, 1800, episode=0)))
    assert await story.at(3600) == []
    assert await story.at(1800 + 3599) == []
    assert await story.at(1800 + 3600) == ["Resolved Above"]
    assert [alert.ending for alert in story.alerts()] == ["Timeout"]
    await story.at(1800 + 3600 + 901)
    assert story.alerts() == []


async def test_an_anomaly_of_long_ago_opens_no_alert() -> None:
    """Such as those that all pods slept through."""
    story = Story()
    await commit(story.store, int(START_MS), (BOILER, raised(BOILER, 0)))
    assert await story.at(3601) == []
    assert story.alerts() == []


async def test_a_silence_is_open_until_the_series_reports_or_is_forgotten() -> None:
    """Nothing more can be heard of a series that is silent: that is no sign that it is well."""
    story = Story(resolveAfter="1h", coolDown="0s")
    assert await story.at(0, (BOILER, stale(BOILER, 0))) == ["Opened None"]
    assert await story.at(5 * 3600) == []
    assert await story.at(STATE_TTL_MS / 1e3 - 1) == []
    assert await story.at(STATE_TTL_MS / 1e3) == ["Resolved None"]
    assert [alert.ending for alert in story.alerts()] == ["Timeout"]
