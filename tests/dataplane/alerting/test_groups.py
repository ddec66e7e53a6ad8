"""One alert for a device in trouble: when it opens, whom it silences, and when it is over."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest

from alerting_story import RECEIVER, Story
from anomaly_dataplane.alerting.notices import Notice
from anomaly_dataplane.alerting.redis_ledger import RedisLedger
from anomaly_dataplane.alerting.stage import AlertingStage
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.series import Series
from anomaly_dataplane.store.keys import Keys
from anomaly_dataplane.store.redis_store import RedisStore
from events import commit, raised, recovered
from polling import PATIENCE
from redis_server import RedisServer
from redis_stores import config_for, opened
from samples import START_MS, a_series

GROUP = {"by": "device", "percent": 50, "minSeries": 3}
BOILER = [a_series(f"m{i}", partitions=1, device="boiler-1") for i in range(8)]
WHOLE = "group/device=boiler-1"


def a_story(**alerting: object) -> Story:
    return Story(**{"group": GROUP, "coolDown": "0s", **alerting})


async def known_by_name(story: Story) -> None:
    """All eight series of the device report, and are well."""
    await commit(story.store, int(START_MS), *((one, recovered(one, 0)) for one in BOILER))


def trouble(count: int, second: float, first: int = 0) -> list[tuple[Series, Anomaly]]:
    return [(one, raised(one, second)) for one in BOILER[first : first + count]]


def calm(count: int, second: float, began: float) -> list[tuple[Series, Anomaly]]:
    return [(one, recovered(one, second, began)) for one in BOILER[:count]]


async def test_a_device_in_trouble_is_one_alert_and_not_one_for_each_series() -> None:
    """Once its share of series is reached; theirs are kept, and say what they are part of."""
    story = a_story()
    await known_by_name(story)
    assert await story.at(1, *trouble(4, 1)) == []
    assert await story.at(2) == [f"Opened {WHOLE}"]
    assert await story.at(10) == []
    (group,) = [alert for alert in story.open if not alert.series]
    assert group.members == (4, 8)
    assert group.labels == {"device": "boiler-1"}
    hushes = [alert.hush for alert in story.open if alert.series]
    assert hushes == [f"part of {WHOLE}"] * 4


@pytest.mark.parametrize("count", [1, 3])
async def test_a_smaller_share_is_an_alert_for_each_series(count: int) -> None:
    """Told a few seconds later than without groups."""
    story = a_story()
    await known_by_name(story)
    assert await story.at(1, *trouble(count, 1)) == []
    assert await story.at(4) == []
    assert await story.at(5.1) == ["Opened Above"] * count
    assert all(alert.series for alert in story.open)


async def test_few_series_are_no_group_though_they_are_all_there_are() -> None:
    """Fewer than minSeries."""
    story = a_story()
    await story.at(1, *trouble(2, 1))
    assert await story.at(6) == ["Opened Above"] * 2


async def test_a_group_that_gets_worse_is_updated_and_one_that_gets_better_is_not() -> None:
    """Its members say how it is at any time."""
    story = a_story()
    await known_by_name(story)
    await story.at(1, *trouble(4, 1))
    await story.at(2)
    await story.at(3, *trouble(2, 3, first=4))
    assert await story.at(5) == [f"Updated {WHOLE}"]
    await story.at(6, *calm(3, 6, 1))
    assert await story.at(8) == []
    assert [alert.members for alert in story.open if not alert.series] == [(3, 8)]


async def test_a_group_is_over_when_less_than_half_of_what_opened_it_is_left() -> None:
    """It does not come and go with one series. What is left is told by itself then."""
    story = a_story()
    await known_by_name(story)
    await story.at(1, *trouble(4, 1))
    await story.at(2)
    assert await story.at(10, *calm(2, 10, 1)) == []
    assert await story.at(12) == []
    await story.at(13, (BOILER[2], recovered(BOILER[2], 13, 1)))
    assert sorted(await story.at(15)) == ["Opened Above", f"Resolved {WHOLE}"]
    assert [alert.metric for alert in story.open] == ["m3"]


async def test_series_that_came_and_went_with_their_group_are_never_told() -> None:
    """The one alert was for them, too."""
    story = a_story()
    await known_by_name(story)
    await story.at(1, *trouble(4, 1))
    await story.at(2)
    await story.at(5)
    assert await story.at(10, *calm(4, 10, 1)) == []
    assert await story.at(12) == [f"Resolved {WHOLE}"]
    for second in (13, 60, 1000):
        assert await story.at(second) == []


async def test_a_group_that_is_over_before_its_series_would_be_told_speaks_for_them() -> None:
    """They wait for their group for seconds, and it may be shorter than that."""
    story = a_story()
    await known_by_name(story)
    await story.at(1, *trouble(4, 1))
    assert await story.at(2) == [f"Opened {WHOLE}"]
    told = await story.at(2.5, *calm(4, 2.5, 1)) + await story.at(3.6)
    assert told == [f"Resolved {WHOLE}"]
    for second in (5, 6, 60, 1000):
        assert await story.at(second) == []


async def test_series_of_an_open_group_stay_silent_when_another_pod_takes_over() -> None:
    """It looks for open groups before it tells anything."""
    story = a_story()
    await known_by_name(story)
    await story.at(1, *trouble(4, 1))
    assert await story.at(2) == [f"Opened {WHOLE}"]
    for second in (10, 10.2, 20):
        story.another_pod()
        assert await story.at(second) == []
    assert len(story.open) == 5


async def test_so_do_they_in_redis_over_all_partitions(standalone: RedisServer) -> None:
    """One pod goes and lets all partitions go; the next one tells of none of their series."""
    partitions = 4
    config = config_for(standalone, partitions=partitions)
    device = [a_series(f"m{i}", partitions=partitions, device="boiler-1") for i in range(8)]
    later = 0.0
    async with opened(config) as store:
        assert isinstance(store, RedisStore)
        keys = Keys(config.pipeline.uid, partitions)
        alerting = Story.config(group=GROUP, coolDown="0s")

        def a_pod() -> tuple[RedisLedger, AlertingStage]:
            ledger = RedisLedger(store, keys, partitions)
            stage = AlertingStage(
                ledger, alerting, Unobserved(), lambda: time.time() + later, lambda: later
            )
            return ledger, stage

        async def told(ledger: RedisLedger) -> list[str]:
            queues = [await ledger.queued(p, RECEIVER, 100) for p in range(partitions)]
            notices = (msgspec.json.decode(n, type=Notice) for queue in queues for _, n in queue)
            return [notice.alert.key for notice in notices]

        ledger, stage = a_pod()
        now_ms = int(time.time() * 1e3)
        await commit(store, now_ms, *((one, raised(one, start_ms=now_ms)) for one in device))
        running = asyncio.create_task(stage.run())
        async with asyncio.timeout(PATIENCE):
            while not await told(ledger):
                later += 2.0
                await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        later += 60.0
        ledger, stage = a_pod()
        while await stage.step():
            pass
        assert stage.held == list(range(partitions))
        for _ in range(3):
            later += 2.0
            await stage.step()
        assert await told(ledger) == [WHOLE]
        assert len([alert for alert in stage.alerts() if alert.is_open]) == 1 + len(device)


async def test_a_device_is_one_alert_though_nobody_looked_for_a_while() -> None:
    """A pod died, and the next one takes over after the time that series wait for their group."""
    story = a_story()
    await known_by_name(story)
    for one, event in trouble(4, 1):
        await commit(story.store, int(START_MS + 1e3), (one, event))
    story.another_pod()
    assert await story.at(9) == []
    assert await story.at(10) == [f"Opened {WHOLE}"]
    for second in (12, 14, 60):
        assert await story.at(second) == []


async def test_series_that_were_told_before_their_group_are_resolved_as_ever() -> None:
    """Whoever heard of them hears that they are well."""
    story = a_story()
    await known_by_name(story)
    await story.at(1, *trouble(1, 1))
    assert await story.at(6) == ["Opened Above"]
    await story.at(7, *trouble(3, 7, first=1))
    assert await story.at(9) == [f"Opened {WHOLE}"]
    assert await story.at(10, *calm(1, 10, 1)) == ["Resolved Above"]


async def test_a_group_is_over_when_there_are_no_groups_any_more() -> None:
    """As of an edit of the pipeline; nobody would resolve it otherwise."""
    story = a_story()
    await known_by_name(story)
    await story.at(1, *trouble(4, 1))
    assert await story.at(2) == [f"Opened {WHOLE}"]
    story.update(coolDown="0s")
    assert sorted(await story.at(4)) == ["Opened Above"] * 4 + [f"Resolved {WHOLE}"]
    assert all(alert.series for alert in story.open)


async def test_groups_by_another_label_are_measured_anew() -> None:
    """A site is larger than one of its devices; what was open of the device is resolved."""
    story = a_story()
    site = [a_series(f"m{i}", partitions=1, device="boiler-3", site="bern") for i in range(4)]
    far = [a_series(f"m{i}", partitions=1, device="boiler-4", site="bern") for i in range(8)]
    await commit(story.store, int(START_MS), *((one, recovered(one, 0)) for one in (*site, *far)))
    await story.at(1, *((one, raised(one, 1)) for one in site))
    assert await story.at(2) == ["Opened group/device=boiler-3"]
    story.update(coolDown="0s", group={**GROUP, "by": "site"})
    told = await story.at(4) + await story.at(9)
    assert sorted(told) == ["Opened Above"] * 4 + ["Resolved group/device=boiler-3"]


async def test_a_device_whose_series_are_in_maintenance_is_in_no_trouble() -> None:
    """A window is for the alert of the group too, whatever it matches its series by."""
    window = {
        "name": "service",
        "start": "2026-01-01T00:00:00Z",
        "duration": "1h",
        "match": {"metric": "m.*"},
    }
    story = a_story(maintenance=[window])
    await known_by_name(story)
    await story.at(1, *trouble(4, 1))
    for second in (2, 5, 60):
        assert await story.at(second) == []
    told = await story.at(3600) + await story.at(3602)
    assert told == [f"Opened {WHOLE}"]


async def test_a_group_that_is_open_when_a_window_begins_is_resolved_when_it_is_well() -> None:
    """Not by the window."""
    window = {
        "name": "service",
        "start": "2026-01-01T00:01:00Z",
        "duration": "1h",
        "match": {"metric": "m.*"},
    }
    story = a_story(maintenance=[window])
    await known_by_name(story)
    await story.at(1, *trouble(4, 1))
    assert await story.at(2) == [f"Opened {WHOLE}"]
    assert await story.at(70) == []
    await story.at(80, *calm(4, 80, 1))
    assert await story.at(82) == [f"Resolved {WHOLE}"]
