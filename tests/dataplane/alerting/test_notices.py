"""Who is told what, and when: the cool-down, and what came and went before it was told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alerting_story import Story
from anomaly_dataplane.alerting.alert import Alert, Kind, State
from anomaly_dataplane.alerting.episodes import settled
from anomaly_dataplane.alerting.notices import Manners, due, quiet_until
from anomaly_dataplane.sample import Side
from events import raised, recovered
from samples import a_series

BOILER = a_series(partitions=1, device="boiler-1")


async def test_updates_wait_for_the_cool_down_and_come_as_one() -> None:
    """However many anomalies there were."""
    story = Story(coolDown="5m")
    assert await story.at(0, (BOILER, raised(BOILER, 0))) == ["Opened Above"]
    for second in (10, 20, 299):
        assert await story.at(second, (BOILER, raised(BOILER, second, episode=0))) == []
    assert await story.at(300) == ["Updated Above"]
    assert await story.at(900) == []


async def test_a_resolve_does_not_wait_for_the_cool_down() -> None:
    """Nobody shall look for a trouble that is over."""
    story = Story(coolDown="5m")
    await story.at(0, (BOILER, raised(BOILER, 0)))
    assert await story.at(1, (BOILER, recovered(BOILER, 1, episode=0))) == ["Resolved Above"]


async def test_trouble_within_the_cool_down_of_the_last_is_told_when_it_is_over() -> None:
    """If it still goes on then; the time counts from the last notice, which was a resolve."""
    story = Story(coolDown="5m")
    await story.at(0, (BOILER, raised(BOILER, 0)))
    await story.at(10, (BOILER, recovered(BOILER, 10, episode=0)))
    assert await story.at(20, (BOILER, raised(BOILER, 20))) == []
    assert await story.at(309) == []
    assert await story.at(310) == ["Opened Above"]


async def test_trouble_that_comes_and_goes_within_the_cool_down_is_never_told() -> None:
    """Neither later nor as part of the next one."""
    story = Story(coolDown="5m")
    await story.at(0, (BOILER, raised(BOILER, 0)))
    await story.at(10, (BOILER, recovered(BOILER, 10, episode=0)))
    for second in (20, 40, 60):
        assert await story.at(second, (BOILER, raised(BOILER, second))) == []
        assert await story.at(second + 10, (BOILER, recovered(BOILER, second + 10, second))) == []
    for second in (310, 400, 1300):
        assert await story.at(second) == []
    assert story.alerts() == []


async def test_the_cool_down_holds_for_longer_than_resolved_alerts_are_kept() -> None:
    """A cool-down of hours is one of hours."""
    story = Story(coolDown="2h")
    await story.at(0, (BOILER, raised(BOILER, 0)))
    await story.at(10, (BOILER, recovered(BOILER, 10, episode=0)))
    assert await story.at(3600, (BOILER, raised(BOILER, 3600))) == []
    assert await story.at(7210) == ["Opened Above"]


async def test_what_is_over_before_anybody_was_told_is_told_all_the_same() -> None:
    """A single spike, its recovery in the same commit: opened, and then resolved."""
    story = Story(coolDown="5m")
    spike = (BOILER, raised(BOILER, 0)), (BOILER, recovered(BOILER, 1, episode=0))
    assert await story.at(1, *spike) == ["Opened Above", "Resolved Above"]
    assert story.open == []


async def test_each_side_cools_down_by_itself() -> None:
    """Below is another trouble than above."""
    story = Story(coolDown="5m")
    await story.at(0, (BOILER, raised(BOILER, 0)))
    assert await story.at(1, (BOILER, raised(BOILER, 1, Side.BELOW))) == ["Opened Below"]


async def test_a_shorter_cool_down_holds_from_now_on() -> None:
    """As of an edit of the pipeline."""
    story = Story(coolDown="5m")
    await story.at(0, (BOILER, raised(BOILER, 0)))
    assert await story.at(10, (BOILER, raised(BOILER, 10, episode=0))) == []
    story.update(coolDown="5s")
    assert await story.at(11) == ["Updated Above"]


_TIMES = st.integers(0, 4_000_000)
_ALERTS = st.builds(
    Alert,
    key=st.just("a/Above"),
    id=st.just("a"),
    kind=st.sampled_from(Kind),
    metric=st.just("m"),
    labels=st.just({"device": "boiler-1"}),
    direction=st.just("Above"),
    state=st.sampled_from(State),
    started_ms=_TIMES,
    opened_ms=_TIMES,
    updated_ms=_TIMES,
    resolved_ms=_TIMES,
    anomalies=st.integers(1, 3),
    told=st.booleans(),
    told_ms=_TIMES,
    told_open_ms=st.one_of(st.just(0), _TIMES),
    told_anomalies=st.integers(0, 3),
    hush=st.sampled_from(["", "maintenance: night"]),
)


@given(_ALERTS, _TIMES, st.sampled_from([0.0, 60e3, 600e3]), st.sampled_from([0.0, 300e3, 7.2e6]))
def test_an_alert_that_is_quiet_would_not_have_changed(
    alert: Alert, now_ms: int, resolve_after_ms: float, cool_down_ms: float
) -> None:
    """Whatever it is; so a pod that keeps thousands looks at those alone that may."""
    manners = Manners(cool_down_ms, "device")
    if now_ms < quiet_until(alert, resolve_after_ms, manners):
        assert settled(alert, now_ms, resolve_after_ms, cool_down_ms) is alert
        same, notice = due(alert, now_ms, lambda _alert, _now: "maintenance: day", manners)
        assert same is alert
        assert notice is None


async def test_an_alert_that_goes_on_or_is_over_is_left_alone() -> None:
    """Until its time: most that a pod keeps are such."""
    story = Story(coolDown="5m")
    manners = Manners(300e3, "")
    await story.at(0, (BOILER, raised(BOILER, 0)))
    (alert,) = story.alerts()
    assert quiet_until(alert, 600e3, manners) == alert.updated_ms + 600e3
    await story.at(10, (BOILER, recovered(BOILER, 10, episode=0)))
    (alert,) = story.alerts()
    assert quiet_until(alert, 600e3, manners) == alert.resolved_ms + 900e3
