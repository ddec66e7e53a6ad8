"""Whole pods, a real Redis and real Alertmanagers: each episode once, updated, resolved."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alertmanager import Alertmanager, alertmanager
from erring_device import Device
from outages import PodProcess, Stack, a_stack
from polling import eventually, never
from samples import ZSCORE

pytestmark = pytest.mark.redis

ALERTING = {"coolDown": "1s", "resolveAfter": "6s", "group": {"by": ""}}
# As the Alertmanagers of these tests are configured, so that nobody waits for half a minute.
HASTE = {"resendDelay": "5s", "groupWait": "1s"}
DETECTION = {**ZSCORE, "holdOffSamples": 0, "repeatAfterSamples": 0}


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[list[Alertmanager]]:
    """Two Alertmanagers that do not know each other."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with alertmanager(tmp_path / "a") as a, alertmanager(tmp_path / "b") as b:
        yield [a, b]


@pytest.fixture
def stack(tmp_path: Path, peers: list[Alertmanager]) -> Iterator[Stack]:
    urls = [peer.url for peer in peers]
    alerting = {**ALERTING, "alertmanager": {"urls": urls, **HASTE}}
    place = "http://192.0.2.7/tests/outages"
    groups = {"detection": DETECTION, "alerting": alerting, "publicUrl": place}
    with a_stack(tmp_path, None, **groups) as running:
        yield running


def deliveries(stack: Stack, name: str) -> float:
    return stack.pod.metric("alert_deliveries_total", receiver=name, result="delivered")


def firing(peer: Alertmanager, metric: str) -> list[dict[str, Any]]:
    return [alert for alert in peer.alerts() if alert["labels"]["metric"] == metric]


def the_one(peer: Alertmanager, metric: str) -> dict[str, Any] | None:
    """The alert of a metric; none yet is None, several are a fault."""
    alerts = firing(peer, metric)
    assert len(alerts) <= 1, alerts
    return alerts[0] if alerts else None


def until_fires(device: Device, peer: Alertmanager) -> None:
    """Keep the device's alert open until this one has heard of it."""

    def fires() -> bool:
        device.send(99)
        return the_one(peer, device.metric) is not None

    eventually("it fires there too", fires, pause=1.0)


def test_an_episode_is_one_alert_that_is_updated_and_resolved(
    stack: Stack, peers: list[Alertmanager]
) -> None:
    """At every Alertmanager; what changes is in annotations, what it is in labels."""
    device = Device(lambda: stack.url, "temperature")
    device.warm_up()
    device.send(99)
    for peer in peers:
        alert = eventually("it fires", lambda peer=peer: the_one(peer, "temperature"))  # type: ignore[misc]
        labels = alert["labels"]
        page = "http://192.0.2.7/tests/outages/#series="
        assert alert["generatorURL"] == page + labels.pop("series")
        assert labels == {
            "alertname": "Anomaly",
            "pipeline": "outages",
            "pipeline_namespace": "tests",
            "metric": "temperature",
            "direction": "Above",
            "device": "boiler-1",
            "unit_name": "°C",
        }
        assert alert["annotations"]["value"] == "99"
        assert alert["startsAt"] < alert["endsAt"]

    device.send(99, 99)

    def updated(peer: Alertmanager) -> bool:
        alert = the_one(peer, "temperature")
        return alert is not None and int(alert["annotations"]["anomalies"]) > 1

    for peer in peers:
        eventually("it is updated", lambda peer=peer: updated(peer))  # type: ignore[misc]
    for peer in peers:
        gone = lambda peer=peer: not firing(peer, "temperature")  # noqa: E731
        eventually("it is resolved", gone)
    eventually("none is open", lambda: stack.pod.metric("alerts_open") == 0)
    for peer in peers:
        name = f"alertmanager/127.0.0.1:{peer.port}"
        eventually("all are counted", lambda name=name: deliveries(stack, name) >= 3)  # type: ignore[misc]


def test_an_alertmanager_that_was_away_hears_of_what_is_open(
    stack: Stack, peers: list[Alertmanager]
) -> None:
    """Meanwhile the other one does."""
    away, there = peers
    away.stop()
    device = Device(lambda: stack.url, "pressure")
    device.warm_up()
    device.send(99)
    eventually("the other fires", lambda: the_one(there, "pressure"))
    name = f"alertmanager/127.0.0.1:{away.port}"
    eventually(
        "the failure is counted",
        lambda: stack.pod.metric("alert_deliveries_total", receiver=name, result="failed"),
    )
    device.send(99)

    away.start()
    until_fires(device, away)
    for peer in peers:
        gone = lambda peer=peer: not firing(peer, "pressure")  # noqa: E731
        eventually("it is resolved", gone)


def test_an_alertmanager_that_forgot_everything_is_told_again(
    stack: Stack, peers: list[Alertmanager]
) -> None:
    """At the latest after resendDelay: what is open is sent again and again."""
    forgetful, _ = peers
    device = Device(lambda: stack.url, "level")
    device.warm_up()
    device.send(99)
    eventually("it fires", lambda: the_one(forgetful, "level"))
    forgetful.stop()
    restarted = datetime.now(UTC)
    forgetful.start()

    def again() -> bool:
        device.send(99)  # keep it open meanwhile
        alert = the_one(forgetful, "level")
        return alert is not None and datetime.fromisoformat(alert["updatedAt"]) > restarted

    eventually("it fires again", again, pause=1.0)


def test_a_pod_that_is_killed_leaves_its_alerts_to_the_next(
    stack: Stack, peers: list[Alertmanager], tmp_path: Path
) -> None:
    """Killed between stages, again and again: no alert is lost, doubled or left open."""
    other = PodProcess(stack.pod.document, tmp_path / "other.log")
    other.start()
    pods = [stack.pod, other]
    devices = [Device(lambda i=i: pods[i % 2].url, f"m{i}") for i in range(6)]  # type: ignore[misc]
    wanted = {device.metric for device in devices}
    try:
        with ExitStack() as watching:
            heard = [watching.enter_context(everything_heard(peer)) for peer in peers]
            for device in devices:
                device.warm_up()
            for i, device in enumerate(devices):
                device.send(99)
                # At another moment each time: before, while and after the event becomes an alert.
                time.sleep(0.13 * i)
                victim = pods[i % 2]
                victim.kill()
                victim.start()
            for peer, metrics in zip(peers, heard, strict=True):
                eventually("all were told", lambda m=metrics: set(m) == wanted)  # type: ignore[misc]
                eventually("all are resolved", lambda p=peer: not p.alerts())  # type: ignore[misc]
        for metrics in heard:
            assert {metric: len(ids) for metric, ids in metrics.items()} == dict.fromkeys(wanted, 1)
        never(
            "one comes back", lambda: [alert for peer in peers for alert in peer.alerts()], during=3
        )
    finally:
        if other.process is not None:
            other.kill()


@contextmanager
def everything_heard(peer: Alertmanager) -> Iterator[dict[str, set[str]]]:
    """Watch an Alertmanager meanwhile: by metric, the ids of all alerts that ever fired."""
    heard: dict[str, set[str]] = defaultdict(set)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            with suppress(OSError):  # a busy machine may let it wait; the next look tells
                for alert in peer.alerts():
                    heard[alert["labels"]["metric"]].add(alert["annotations"]["alert_id"])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield heard
    finally:
        done.set()
        thread.join()
