"""A whole pod from samples to notices: recoveries of real episodes, silence, groups, windows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest

from erring_device import Device, send_together
from outages import Stack, a_stack
from polling import eventually, never
from samples import ZSCORE
from webhooks import Hook, webhook

pytestmark = pytest.mark.redis

DETECTION = {**ZSCORE, "holdOffSamples": 0, "repeatAfterSamples": 0}


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as receiver:
        yield receiver


@contextmanager
def a_pod(
    folder: Path, hook: Hook, detection: dict[str, object], **alerting: object
) -> Iterator[Stack]:
    told = {"coolDown": "0s", "group": {"by": ""}, "webhooks": [{"name": "h", "url": hook.url}]}
    with a_stack(
        folder,
        detection={**DETECTION, **detection},
        alerting={**told, **alerting},
        redis={"partitions": 2},
    ) as stack:
        yield stack


def story_of(hook: Hook) -> list[tuple[str, str, str]]:
    return [
        (body["event"], body["alert"]["direction"], body["alert"]["ending"])
        for body in hook.bodies()
    ]


def test_a_spike_and_its_calm_in_one_request_are_opened_and_resolved(
    tmp_path: Path, hook: Hook
) -> None:
    """By the end of the episode, not by time: resolveAfter is a day."""
    with a_pod(tmp_path, hook, {}) as stack:
        device = Device(lambda: stack.url, "temperature")
        device.warm_up()
        device.send(99, *[10 + 0.1 * (i % 3) for i in range(10)])
        eventually("it is resolved", lambda: hook.bodies("Resolved"))
        assert story_of(hook) == [("Opened", "Above", ""), ("Resolved", "Above", "Calm")]
        opened, resolved = (body["summary"].partition(" ")[2] for body in hook.bodies())
        assert "is 99, above the expected" in opened
        assert "is no longer anomalous; it was 99, above the expected" in resolved
        device.send(-99)
        eventually("the next opens", lambda: len(hook.bodies("Opened")) == 2)
        assert story_of(hook)[2:] == [("Opened", "Below", "")]
        device.send(10, 10.1)
        eventually("it is resolved", lambda: len(hook.bodies("Resolved")) == 2)


def test_a_series_that_falls_silent_is_an_alert_until_it_reports(
    tmp_path: Path, hook: Hook
) -> None:
    """Opened by the sweep of the pod, resolved by the next sample."""
    with a_pod(tmp_path, hook, {"staleAfter": "10s"}) as stack:
        device = Device(lambda: stack.url, "temperature", time.time() - 42)
        device.warm_up()
        eventually("it is told", lambda: hook.bodies("Opened"))
        (opened,) = hook.bodies()
        assert opened["alert"]["trigger"] == "Stale"
        assert opened["summary"].endswith("has stopped reporting")
        # In the totals of the pipeline as in those of the hour.
        with urlopen(f"{stack.url}/api/v1/stats") as answer:
            stats = json.load(answer)
        assert (stats["anomalies"], stats["anomalies_last_hour"]) == (1, 1)
        device.at = time.time() - 1
        device.send(10.1)
        eventually("it is back", lambda: hook.bodies("Resolved"))
        assert story_of(hook)[:2] == [("Opened", "None", ""), ("Resolved", "None", "Reporting")]
        assert hook.bodies("Resolved")[0]["summary"].endswith("reports again")


def test_a_whole_device_in_trouble_is_one_alert_over_all_partitions(
    tmp_path: Path, hook: Hook
) -> None:
    """And no alert of a series that was not told before is told with it."""
    group = {"by": "device", "percent": 50, "minSeries": 3}
    with a_pod(tmp_path, hook, {}, group=group) as stack:
        devices = [Device(lambda: stack.url, f"m{i}") for i in range(6)]
        for device in devices:
            device.warm_up()
        send_together(devices, 99)
        eventually("it is told", lambda: hook.bodies("Opened"))
        for device in devices:
            device.send(10, 10.1, 10.2)
        eventually("it is over", lambda: hook.bodies("Resolved"))
        never(
            "an alert of a series",
            lambda: [body for body in hook.bodies() if body["alert"]["kind"] == "Series"],
            during=6,  # longer than series wait for their group
        )
        # It may have grown after it was told.
        events = [body["event"] for body in hook.bodies() if body["event"] != "Updated"]
        assert events == ["Opened", "Resolved"]
        assert stack.pod.metric("alerts_opened_total", kind="Group") == 1
        assert stack.pod.metric("alerts_opened_total", kind="Series") == len(devices)


def test_a_window_keeps_what_it_matches_silent_and_nothing_else(tmp_path: Path, hook: Hook) -> None:
    """The alerts are there all the same."""
    window = {
        "name": "service",
        "start": datetime.fromtimestamp(time.time() - 60, UTC).isoformat(),
        "duration": "1h",
        "match": {"metric": "pres.*", "labels": {"device": "boiler-[12]"}},
    }
    with a_pod(tmp_path, hook, {}, maintenance=[window]) as stack:
        silent, other = (Device(lambda: stack.url, name) for name in ("pressure", "temperature"))
        for device in (silent, other):
            device.warm_up()
            device.send(99)
        eventually("the other is told", lambda: hook.bodies("Opened"))
        eventually("both are open", lambda: stack.pod.metric("alerts_open") == 2)
        assert {body["alert"]["metric"] for body in hook.bodies()} == {"temperature"}
