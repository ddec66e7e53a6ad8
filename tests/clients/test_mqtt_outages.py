"""MQTT publishers across what goes wrong: nothing that the broker took is lost or counted twice."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from anomaly_dataplane.series import Series
from mqtt_broker import Broker, Publisher, mqtt_broker
from outages import OUTAGE_SECONDS, Stack, a_stack
from polling import eventually

pytestmark = pytest.mark.redis

START_MS = 1_767_225_600_000.0
DEVICES = 8
WINDOW = 2000
"""Holds every sample of a test, so that each can be looked at."""
PAUSE_SECONDS = 0.05
"""Between rounds: 160 messages a second, so that each outage falls into the midst of a stream."""


class Stream:
    """Publishes a sample of each device a round, with times, from a thread of its own."""

    def __init__(self, broker: Broker) -> None:
        self.rounds = 0
        self._stop = threading.Event()
        self._publisher = Publisher(broker)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._publisher.__enter__()
        self._thread.start()

    @contextmanager
    def kept_back(self) -> Iterator[None]:
        """Let what is published meanwhile wait in the publisher."""
        with self._publisher.unconnected():
            yield

    def finish(self) -> None:
        """Stop publishing and wait until the broker has all of it."""
        self._stop.set()
        self._thread.join()
        self._publisher.__exit__(None, None, None)

    def expected(self) -> dict[str, dict[float, float]]:
        """By series, what must be there."""
        samples = {START_MS + 1000.0 * i: float(i % 13) for i in range(self.rounds)}
        return {series.name: dict(samples) for series in self.series()}

    @staticmethod
    def series() -> list[Series]:
        return [Series("load", {"device": f"d-{n}", "site": "a"}, 4) for n in range(DEVICES)]

    def _run(self) -> None:
        while self.rounds < WINDOW and not self._stop.wait(PAUSE_SECONDS):
            time_ms = START_MS + 1000.0 * self.rounds
            payload = json.dumps({"value": self.rounds % 13, "timestamp": time_ms})
            for device in range(DEVICES):
                self._publisher.send(f"sensors/a/d-{device}/load", payload)
            self.rounds += 1


@contextmanager
def streaming(folder: Path, **mqtt: object) -> Iterator[tuple[Stack, Broker, Stream]]:
    """A pod that takes a stream; after the body all of it must have arrived, once."""
    with mqtt_broker() as broker:
        topics = ["sensors/{site}/{device}/{metric}"]
        ingest = {"mqtt": {"broker": broker.url, "topics": topics, **mqtt}}
        with a_stack(folder, ingest=ingest, detection={"window": WINDOW}) as stack:
            connected(stack)
            stream = Stream(broker)
            stream.start()
            time.sleep(1)
            yield stack, broker, stream
            time.sleep(1)
            stream.finish()
            sent = DEVICES * stream.rounds
            eventually(
                f"{sent} samples are committed",
                lambda: stack.totals().samples >= sent,
            )
            assert stack.samples_of(Stream.series()) == stream.expected()
            assert stack.totals().samples == sent


def connected(stack: Stack) -> None:
    eventually("the pod is subscribed", lambda: stack.pod.metric("mqtt_connected") == 1)


def back(stack: Stack) -> None:
    """Wait until the pod has noticed that its broker was away, and is there again."""
    told = "going on with an earlier session"
    eventually("the pod is back", lambda: told in stack.pod.said())
    connected(stack)


def test_a_pod_is_killed_in_the_midst_of_a_stream(tmp_path: Path) -> None:
    """The broker keeps its session, and sends again what was not acknowledged."""
    with streaming(tmp_path) as (stack, _, _):
        for _ in range(2):
            stack.kill_pod(away=1.0)
            connected(stack)
            time.sleep(1)
        assert "going on with an earlier session" in stack.pod.said()


def test_a_pod_is_stopped_and_another_takes_its_place(tmp_path: Path) -> None:
    """As in a rolling update: the next has subscribed before the last has left."""
    with streaming(tmp_path) as (stack, _, _):
        second = stack.another_pod("second")
        second.start()
        eventually("the second is subscribed", lambda: second.metric("mqtt_connected") == 1)
        assert stack.pod.terminate() == 0
        assert "unacknowledged" not in stack.pod.said()
        stack.pod = second


def test_the_broker_restarts(tmp_path: Path) -> None:
    """A mosquitto before 2.0.12 forgets by it who shares a subscription, until they are back."""
    with streaming(tmp_path) as (stack, broker, stream), stream.kept_back():
        broker.stop()
        time.sleep(1)
        broker.start()
        back(stack)


def test_redis_is_away(tmp_path: Path) -> None:
    """Nothing is acknowledged meanwhile, and the pod goes on by itself."""
    with streaming(tmp_path) as (stack, _, _):
        stack.redis_away(OUTAGE_SECONDS)
        assert stack.pod.metric("mqtt_waits_total", reason="redis_unavailable") > 0


def test_the_buffer_is_full(tmp_path: Path) -> None:
    """Messages wait at the broker until there is room."""
    with streaming(tmp_path, maxInFlight=50) as (stack, _, _), stack.without_redis():
        time.sleep(3)
        assert stack.pod.metric("mqtt_waiting_messages") <= 50


def test_a_plain_number_is_counted_once_though_its_acknowledgement_was_lost(tmp_path: Path) -> None:
    """It has no time by which a repeat is known; its packet identifier and content tell."""
    with mqtt_broker() as broker:
        ingest = {"mqtt": {"broker": broker.url, "topics": ["plain/{device}/{metric}"]}}
        with a_stack(tmp_path, ingest=ingest) as stack:
            connected(stack)
            with stack.without_redis():
                with Publisher(broker) as publisher:
                    for i in range(20):
                        publisher.send("plain/d/load", str(i))
                # The group is on its way when its connection goes.
                eventually(
                    "the pod has them",
                    lambda: stack.pod.metric("samples_received_total", protocol="mqtt") > 0,
                )
                broker.stop()
                broker.start()
                back(stack)
            eventually("all are in", lambda: stack.totals().samples >= 20)
            with Publisher(broker) as publisher:
                publisher.send("plain/d/load", "99")
            eventually("the last is in", lambda: stack.totals().samples >= 21)
            assert stack.totals().samples == 21
            assert sorted(stack.samples("load", device="d").values()) == [*range(20), 99]
