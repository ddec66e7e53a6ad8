"""Maintenance windows of mode `DontLearn`: when learning pauses, and what a whole pod does then."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import redis

from anomaly_dataplane.alerting.learning import LONGEST_SECONDS, LearningPauses
from anomaly_dataplane.contract.config import Alerting, Match
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.sample import Batch, Code
from anomaly_dataplane.store.keys import STATE_TTL_MS, Keys
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.workers import Workers
from erring_device import Device
from outages import Stack, a_stack
from polling import PATIENCE, eventually
from samples import START_MS, ZSCORE, a_config, a_series

HOUR = 3600
START = START_MS / 1e3


def at(second: float) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()


def a_window(start: float, duration: str, **more: object) -> dict[str, object]:
    more = {"mode": "DontLearn", "match": {"metric": "temp.*"}, **more}
    return {"name": f"at-{start:.0f}", "start": at(start), "duration": duration, **more}


def alerting(*windows: dict[str, object]) -> Alerting:
    return a_config(alerting={"maintenance": list(windows)}).alerting


class Pauses:
    """What was said, by a clock that is set by hand."""

    def __init__(self, *windows: dict[str, object]) -> None:
        self.now = START
        self.paused: Sequence[Match] = ()
        self.said = 0
        self.pauses = LearningPauses(alerting(*windows), self._pause, lambda: self.now)

    def _pause(self, series: Sequence[Match]) -> None:
        self.paused = series
        self.said += 1

    def at(self, second: float) -> tuple[list[str], float]:
        """The metrics that are paused at a second, and how long until the next look."""
        self.now = START + second
        wait = self.pauses.look()
        return [match.metric for match in self.paused], pytest.approx(wait, abs=0.01)  # type: ignore[return-value]


def test_it_looks_again_just_after_each_edge_of_a_window() -> None:
    """However short the window is; and not later than after half a minute, for clocks jump."""
    it = Pauses(a_window(START + 5, "2s", every="1h"))
    assert it.at(0) == ([], 5.0)
    assert it.at(5.001) == (["temp.*"], 2.0)
    assert it.at(7.001) == ([], LONGEST_SECONDS)
    assert it.at(HOUR + 4) == ([], 1.0)
    assert it.at(HOUR + 6) == (["temp.*"], 1.0)
    assert it.said == 3


def test_windows_that_only_suppress_let_a_pod_learn() -> None:
    """And one that was taken back does at once."""
    it = Pauses(a_window(START, "1h", mode="Suppress"))
    assert it.at(1) == ([], LONGEST_SECONDS)
    it.pauses.update(alerting(a_window(START, "1h")))
    assert [match.metric for match in it.paused] == ["temp.*"]
    it.pauses.update(alerting())
    assert it.paused == ()


async def test_a_changed_window_is_seen_while_it_sleeps() -> None:
    """A reload does not wait for the next look."""
    told = asyncio.Event()
    pauses = LearningPauses(alerting(), lambda _: told.set())
    task = asyncio.create_task(pauses.run())
    await asyncio.sleep(0)
    start = time.time() + 0.2
    pauses.update(alerting(a_window(start, "1h")))
    assert not told.is_set()
    await asyncio.wait_for(told.wait(), PATIENCE)
    assert time.time() >= start
    task.cancel()


async def test_workers_take_samples_without_learning_and_go_on_afterwards() -> None:
    """They are counted and committed; afterwards the series is as warm as it was before."""
    store, series, other = MemoryStore(), a_series(partitions=1), a_series("pressure", partitions=1)
    workers = Workers(a_config(detection=ZSCORE, redis={"partitions": 1}), store, Unobserved())
    await workers.start()
    clock = START

    async def send(*values: float) -> list[int]:
        nonlocal clock
        codes = []
        for each in (series, other):
            times = [(clock + i) * 1e3 for i in range(len(values))]
            verdicts = await workers.offer(Batch([each] * len(values), times, list(values), 1))
            codes.append(verdicts.codes[-1])
        clock += len(values)
        return codes

    usual = [10 + 0.1 * (i % 3) for i in range(200)]
    assert await send(*usual) == [Code.OK, Code.OK]
    workers.pause_learning([Match(metric="temp.*")])
    assert await send(*(500 + 0.1 * (i % 3) for i in range(200))) == [Code.OUTLIER, Code.OK]
    events = [event for _, event in store.outbox]
    assert {event.metric for event in events} == {"pressure"}
    totals = await store.totals()
    assert totals.samples == 800
    workers.pause_learning(())
    # One has kept its usual values; the other has learnt the new ones.
    assert await send(10.1) == [Code.OK, Code.OUTLIER]
    assert await send(500.0) == [Code.OUTLIER, Code.OK]
    await workers.drain()


@pytest.mark.redis
def test_a_pod_learns_nothing_through_a_window_and_goes_on_after_it(tmp_path: Path) -> None:
    """A gap within it starts no window over, a restart changes nothing, expiry is put off.

    The window is taken back by a changed config, which the running pod takes over.
    """
    window = {**a_window(time.time() - 60, "1h", match={"metric": "temp.*"}), "name": "service"}
    windows = {"group": {"by": ""}, "maintenance": [window]}
    detection = {**ZSCORE, "gapAfter": "5m", "holdOffSamples": 0, "repeatAfterSamples": 0}
    with a_stack(tmp_path, detection=detection, alerting={"group": {"by": ""}}) as stack:
        device = Device(lambda: stack.url, "temperature", time.time() - 4000)
        device.warm_up()
        before = explained(stack)
        assert (before["learns"], before["baseline"]["n"]) == (True, 40)

        document = json.loads(stack.pod.document.read_text())
        taken_back = json.dumps(document)
        stack.pod.document.write_text(json.dumps({**document, "alerting": windows}))
        eventually("it learns no more", lambda: not explained(stack)["learns"])
        shorten_expiry(stack)
        device.at += 1000
        device.send(*(500 + 0.1 * (i % 3) for i in range(130)))
        assert expiry_ms(stack) > STATE_TTL_MS - 3_600_000
        stack.kill_pod()  # and the one after it goes by the same document
        device.at += 1000
        device.send(500.0)
        meanwhile = explained(stack)
        assert (meanwhile["learns"], meanwhile["newest_value"]) == (False, 500)
        assert meanwhile["baseline"] == before["baseline"]

        stack.pod.document.write_text(taken_back)
        eventually("it learns again", lambda: explained(stack)["learns"])
        device.send(10.1)
        after = explained(stack)
        assert after["baseline"]["n"] == 41
        assert after["baseline"]["mean"] == pytest.approx(before["baseline"]["mean"], abs=0.01)
        assert after["events"] == []
        device.send(500.0)
        eventually("and raises anomalies", lambda: explained(stack)["events"])
        assert stack.totals().samples == 40 + 130 + 1 + 1 + 1


def explained(stack: Stack) -> dict[str, Any]:
    with urlopen(f"{stack.url}/api/v1/series") as answer:
        (series,) = json.load(answer)["series"]
    with urlopen(f"{stack.url}/api/v1/series/{series['id']}/explain") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def state_key(stack: Stack, client: redis.Redis) -> bytes:
    keys = Keys("outages", stack.config.redis.partitions)
    prefixes = [keys.states(p) for p in range(stack.config.redis.partitions)]
    (key,) = (k for prefix in prefixes for k in client.scan_iter(prefix + b"*"))
    return bytes(key)


def shorten_expiry(stack: Stack) -> None:
    """As if the last commit that put it off were many days ago; its pod forgets that, too."""
    stack.restart_pod()
    with redis.Redis(port=stack.redis.port) as client:
        assert client.pexpire(state_key(stack, client), 600_000)


def expiry_ms(stack: Stack) -> int:
    with redis.Redis(port=stack.redis.port) as client:
        return int(client.pttl(state_key(stack, client)))
