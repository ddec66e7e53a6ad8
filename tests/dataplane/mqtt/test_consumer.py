"""The consumer in a whole pod, against a real mosquitto."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from anomaly_dataplane.contract.config import Buffer, PipelineConfig
from anomaly_dataplane.ingest.parsed import Parsed
from anomaly_dataplane.mqtt.messages import Message
from anomaly_dataplane.series import Series
from certificates import authority
from held_store import HeldStore
from mqtt_broker import PASSWORD, USERNAME, Broker, Publisher, mqtt_broker, password_file
from polling import PATIENCE
from running_pod import RunningPod, running_pod
from samples import a_config

TOPICS = ["sensors/{site}/{device}/{metric}", "plain/{device}"]


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with mqtt_broker() as broker:
        yield broker


def config_for(broker: Broker, uid: str, **mqtt: object) -> PipelineConfig:
    return a_config(
        pipeline={"uid": uid},
        ingest={"maxBodyBytes": 4096, "mqtt": {"broker": broker.url, "topics": TOPICS, **mqtt}},
    )


async def until_metric(pod: RunningPod, name: str, value: float) -> None:
    deadline = time.monotonic() + PATIENCE
    while (seen := await pod.counted(name)) != value:
        assert time.monotonic() < deadline, f"{name} is {seen}, not {value}"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def subscribed_pod(config: PipelineConfig, **more: object) -> AsyncIterator[RunningPod]:
    async with running_pod(config, **more) as pod:  # type: ignore[arg-type]
        await until_metric(pod, "mqtt_connected", 1)
        yield pod


async def test_the_topic_names_metric_and_labels_and_the_payload_may_too(broker: Broker) -> None:
    """Numbers, samples, arrays and lines; what the payload says wins."""
    async with subscribed_pod(config_for(broker, "forms")) as pod:
        with Publisher(broker) as publisher:
            publisher.send(
                "sensors/roof/t-1/temperature", b'{"value": 22, "timestamp": 1767225600}'
            )
            publisher.send("sensors/roof/t-1/temperature", "21.5")
            publisher.send(
                "sensors/roof/t-1/temperature",
                json.dumps(
                    [{"value": 1, "labels": {"site": "cellar"}}, {"metric": "m", "value": 2}]
                ),
            )
            publisher.send("plain/t-2", b'{"metric":"a","value":1}\n{"metric":"b","value":2}\n')
        await until_metric(pod, "samples_accepted_total", 6)
        roof = Series("temperature", {"site": "roof", "device": "t-1"}, 4)
        cellar = Series("temperature", {"site": "cellar", "device": "t-1"}, 4)
        other = Series("m", {"site": "roof", "device": "t-1"}, 4)
        a, b = (Series(name, {"device": "t-2"}, 4) for name in "ab")
        for series in (roof, cellar, other, a, b):
            assert await pod.pod.store.read(series.partition, [series]) != [None], series
        totals = await pod.pod.store.totals()
        assert (totals.samples, totals.series) == (6, 5)
        counted = (await pod.admin("/metrics")).text
        assert 'samples_received_total{protocol="mqtt"} 6.0' in counted
        assert 'samples_accepted_total{protocol="mqtt"} 6.0' in counted


async def test_bad_payloads_are_counted_by_reason_and_hold_nothing_up(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """They are acknowledged: the broker has nothing left. The log has one line of them."""
    async with subscribed_pod(config_for(broker, "bad", maxInFlight=2)) as pod:
        with Publisher(broker) as publisher:
            for payload in (b"warm", b"", b"nan", b"[]", b'{"value": "x"}', b"\xff\xfe", b"[" * 99):
                publisher.send("sensors/roof/t-1/temperature", payload)
            publisher.send("plain/t-1", "7")
            publisher.send("sensors/roof/t-1/temperature", "9" * 5000)
            future = {"value": 1, "timestamp": time.time() + 9000}
            publisher.send("sensors/roof/t-1/temperature", json.dumps(future))
            publisher.send("sensors/roof/t-1/temperature", "3")
        await until_metric(pod, "samples_accepted_total", 1)
        text = (await pod.admin("/metrics")).text
        counts = {"syntax": 5, "value": 2, "field": 1, "size": 1, "future": 1}
        for reason, count in counts.items():
            assert f'{{protocol="mqtt",reason="{reason}"}} {count}.0' in text, text
    told = [r for r in caplog.records if "samples rejected, such as" in r.getMessage()]
    # A line in ten seconds, not one a message; how long it all takes is the machine's affair.
    assert 1 <= len(told) < sum(counts.values())


async def test_a_retained_message_is_no_new_sample(broker: Broker) -> None:
    """What a topic was left with is not asked for; what comes flagged all the same is refused."""
    with Publisher(broker) as publisher:
        publisher.send("sensors/cellar/t-9/temperature", "19", retain=True)
    async with subscribed_pod(config_for(broker, "retained")) as pod:
        with Publisher(broker) as publisher:
            publisher.send("sensors/cellar/t-9/temperature", "20", retain=True)
        await until_metric(pod, "samples_accepted_total", 1)
        assert await pod.counted("samples_rejected_total") == 0
    with Publisher(broker) as publisher:
        publisher.send("sensors/cellar/t-9/temperature", b"", retain=True)


async def test_nothing_is_acknowledged_before_its_commit(broker: Broker) -> None:
    """The broker stops at maxInFlight while the store does not take it, and loses nothing."""
    store = HeldStore()
    async with subscribed_pod(config_for(broker, "held", maxInFlight=20), store=store) as pod:
        with Publisher(broker) as publisher:
            for i in range(200):
                publisher.send(f"sensors/held/t-{i % 7}/temperature", str(i))
        await asyncio.sleep(0.3)
        consumer = pod.pod.consumer
        assert consumer is not None
        assert await pod.counted("mqtt_waiting_messages") <= 20
        assert (await pod.pod.store.totals()).samples == 0
        store.gate.set()
        await until_metric(pod, "samples_accepted_total", 200)


async def test_large_messages_are_bounded_by_their_bytes(broker: Broker) -> None:
    """Reading stops long before maxInFlight of them would fill the memory; none is lost."""
    store, size = HeldStore(), 4000
    config = replace(config_for(broker, "large"), buffer=Buffer(max_bytes=40_000))
    async with subscribed_pod(config, store=store) as pod:
        consumer = pod.pod.consumer
        assert consumer is not None
        with Publisher(broker) as publisher:
            for i in range(100):
                payload = json.dumps({"value": i}).ljust(size)
                publisher.send(f"sensors/large/t-{i % 7}/temperature", payload)
        await store.entered.wait()
        await asyncio.sleep(0.3)
        assert 0 < consumer._held_bytes <= 40_000 + size
        store.gate.set()
        await until_metric(pod, "samples_accepted_total", 100)
        await until_metric(pod, "mqtt_waiting_messages", 0)
        assert consumer._held_bytes == 0


async def test_groups_are_bounded_by_their_bytes(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many messages wait; one that is larger by itself goes alone."""
    monkeypatch.setattr("anomaly_dataplane.mqtt.consumer.GROUP_BYTES", 3000)
    store = HeldStore()
    async with subscribed_pod(config_for(broker, "groups"), store=store) as pod:
        consumer = pod.pod.consumer
        assert consumer is not None
        parse = consumer._parser.parse
        groups: list[list[int]] = []

        def noted(messages: Sequence[Message], now_ms: float) -> Parsed:
            groups.append([len(message.payload) for message in messages])
            return parse(messages, now_ms)

        monkeypatch.setattr(consumer._parser, "parse", noted)
        with Publisher(broker) as publisher:
            publisher.send("sensors/groups/t-1/temperature", "0")
            await store.entered.wait()
            for size in (1000, 1000, 1000, 1000, 3500, 1000):
                publisher.send("sensors/groups/t-1/temperature", b'{"value": 1}'.ljust(size))
            await until_metric(pod, "mqtt_waiting_messages", 6)
        store.gate.set()
        await until_metric(pod, "samples_accepted_total", 7)
        assert groups == [[1], [1000, 1000, 1000], [1000], [3500], [1000]]


async def test_what_a_lost_connection_leaves_behind_is_held_no_more() -> None:
    """Else each loss would take of the bytes that messages may take, until nothing is read."""
    store, size = HeldStore(), 4000
    with mqtt_broker() as own:
        async with subscribed_pod(config_for(own, "lost"), store=store) as pod:
            consumer = pod.pod.consumer
            assert consumer is not None
            with Publisher(own) as publisher:
                for i in range(20):
                    payload = json.dumps({"value": i, "timestamp": 1_767_225_600 + i}).ljust(size)
                    publisher.send("sensors/lost/t-1/temperature", payload)
                    if not i:
                        # The first is in work when the others come.
                        await store.entered.wait()
                await until_metric(pod, "mqtt_waiting_messages", 19)
                own.stop()
                await until_metric(pod, "mqtt_connected", 0)
                store.gate.set()
                await until_metric(pod, "samples_accepted_total", 1)
                own.start()
                await until_metric(pod, "samples_accepted_total", 20)
            await until_metric(pod, "mqtt_waiting_messages", 0)
            assert consumer._held_bytes == 0


async def test_a_message_that_a_defect_cannot_read_holds_nothing_up(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """The others of its group are committed; the log has the trace, and it comes no more."""
    async with subscribed_pod(config_for(broker, "defect")) as pod:
        consumer = pod.pod.consumer
        assert consumer is not None
        parse = consumer._parser.parse

        def broken(messages: Sequence[Message], now_ms: float) -> Parsed:
            if any(message.payload == b"13" for message in messages):
                raise ZeroDivisionError
            return parse(messages, now_ms)

        with pytest.MonkeyPatch.context() as patch, Publisher(broker) as publisher:
            patch.setattr(consumer._parser, "parse", broken)
            for number in (12, 13, 14):
                publisher.send("sensors/defect/t-1/temperature", str(number))
            await until_metric(pod, "samples_accepted_total", 2)
            await until_metric(pod, "samples_rejected_total", 1)
    assert "a message of sensors/defect/t-1/temperature cannot be read" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_pods_divide_the_messages_and_hand_over_what_they_leave(broker: Broker) -> None:
    """A pod that stops has committed all it got; the others get what comes then."""
    config = config_for(broker, "shared")
    async with subscribed_pod(config, ANOMALY_POD_NAME="first") as first:
        async with subscribed_pod(config, ANOMALY_POD_NAME="second") as second:
            with Publisher(broker) as publisher:
                for i in range(100):
                    publisher.send(f"sensors/shared/t-{i % 10}/temperature", str(i))
            deadline = time.monotonic() + PATIENCE
            while await first.accepted() + await second.accepted() < 100:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            shares = await first.accepted(), await second.accepted()
            assert min(shares) > 20, shares
        with Publisher(broker) as publisher:
            for i in range(50):
                publisher.send(f"sensors/shared/t-{i % 10}/temperature", str(i))
        await until_metric(first, "samples_accepted_total", shares[0] + 50)


async def test_credentials_and_certificates_come_from_the_mounted_secret(tmp_path: Path) -> None:
    """Read anew at each connection: a Secret that is mended heals a pod without a restart."""
    ca = authority("the broker's CA")
    secret = ca.secret(tmp_path / "broker")
    mounted = ca.write_ca(tmp_path / "mounted")
    (mounted / "username").write_text(USERNAME)
    (mounted / "password").write_text("wrong")
    users = password_file(tmp_path / "passwords")
    with mqtt_broker(secret=secret, password_file=users) as broker:
        config = config_for(broker, "secured", tls={"enabled": True})
        async with running_pod(config, ANOMALY_MQTT_SECRET_DIR=str(mounted)) as pod:
            deadline = time.monotonic() + PATIENCE
            while await pod.counted("mqtt_connection_failures_total") < 1:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            (mounted / "password").write_text(f"{PASSWORD}\n")
            await until_metric(pod, "mqtt_connected", 1)
            with Publisher(broker) as publisher:
                publisher.send("sensors/roof/t-1/temperature", "21.5")
            await until_metric(pod, "samples_accepted_total", 1)
