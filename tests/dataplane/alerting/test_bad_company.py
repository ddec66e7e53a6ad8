"""What is bad stays by itself: a dead receiver, a notice it chokes on, what cannot be read."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
import redis

from anomaly_dataplane.store.keys import Keys
from erring_device import Device
from outages import Stack, a_stack
from polling import eventually
from samples import ZSCORE
from webhooks import Hook, webhook

pytestmark = pytest.mark.redis

DETECTION = {**ZSCORE, "holdOffSamples": 0, "repeatAfterSamples": 0}


def told(hook: Hook) -> list[tuple[str, str]]:
    return [(body["alert"]["metric"], body["event"]) for body in hook.bodies()]


def spoil(stack: Stack) -> None:
    """Put into every partition what no pod of this version can read."""
    partitions = stack.config.redis.partitions
    keys = Keys("outages", partitions)
    with redis.Redis(port=stack.redis.port) as client:
        for p in range(partitions):
            client.xadd(keys.outbox(p), {"anomaly": b"of another kind"})
            client.hset(keys.alerts(p), "s/Above", b'{"key": 1}')
            client.xadd(keys.queue(p, "good"), {"notice": b"no notice"})


def test_nothing_bad_keeps_others_from_being_told(tmp_path: Path) -> None:
    """Neither other receivers, nor other alerts of the same receiver, nor what follows it."""
    with webhook() as hanging, webhook() as good:
        hanging.hangs = True
        good.chokes_on = "poison"
        hooks = [{"name": "hanging", "url": hanging.url}, {"name": "good", "url": good.url}]
        quick = {"coolDown": "0s", "retryFor": "5s", "group": {"by": ""}, "webhooks": hooks}
        with a_stack(tmp_path, detection=DETECTION, alerting=quick) as stack:
            stack.pod.kill()
            spoil(stack)  # between two pods, so that one of them meets all of it
            stack.pod.start()
            poison = Device(lambda: stack.url, "poison")
            poison.warm_up()
            poison.send(99)
            device = Device(lambda: stack.url, "temperature")
            device.warm_up()
            began = time.monotonic()
            device.send(99)
            eventually("the good one is told", lambda: ("temperature", "Opened") in told(good))
            # Sooner than the hanging one is given up, were it in the way for one time-out only.
            device.send(10, 10.1, 10.2)
            eventually("and told more", lambda: ("temperature", "Resolved") in told(good))
            assert not [metric for metric, _ in told(good) if metric == "poison"]

            def dead(receiver: str) -> float:
                name = f"webhook/{receiver}"
                return stack.pod.metric("alert_deliveries_total", receiver=name, result="dead")

            partitions = stack.config.redis.partitions
            eventually("all of it is given up in the end", lambda: dead("good") > partitions)
            eventually("the hanging one's, too", lambda: dead("hanging") >= 1)
            assert time.monotonic() - began > 10
            assert stack.pod.metric("anomalies_lost_total") == partitions
            assert stack.pod.metric("alerts_opened_total", kind="Series") == 2
            assert "alert s/Above cannot be read" in stack.pod.said()
            with urlopen(f"{stack.url}/api/v1/alerts?resolved=true") as answer:
                shown = {alert["metric"] for alert in json.load(answer)["alerts"]}
            assert shown == {"poison", "temperature"}
            assert reasons(stack, "good") >= {"500", "cannot be read"}
            assert reasons(stack, "hanging") == {"no answer within 10 s"}


def reasons(stack: Stack, receiver: str) -> set[str]:
    """Why its notices are dead letters, as far as they say it in a word."""
    partitions = stack.config.redis.partitions
    keys = Keys("outages", partitions)
    with redis.Redis(port=stack.redis.port) as client:
        letters = [
            json.loads(fields[b"letter"])
            for p in range(partitions)
            for _, fields in client.xrange(keys.dead_letters(p))
        ]
    said = [letter["reason"] for letter in letters if letter["receiver"] == receiver]
    return {reason.partition(": ")[0].strip() for reason in said}
