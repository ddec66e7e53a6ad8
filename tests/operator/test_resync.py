"""The net under the watches, and the ear that notices when they are deaf."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from anomaly_operator import kinds, names
from anomaly_operator.inventory import Inventory, Key, key_of
from anomaly_operator.resync import HURRY_SECONDS, Resync
from anomaly_operator.settings import Settings
from fake_cluster import FakeCluster
from operators import a_resource
from virtual_time import in_virtual_time


class Watchless:
    """An operator whose watch brings only what the test lets through."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.cluster = FakeCluster()
        self.known = Inventory()
        self.now = 0.0
        self.asked: list[Key] = []
        self.resync = Resync(
            self.cluster,
            self.known,
            settings or Settings(),
            self.asked.append,
            clock=lambda: self.now,
            jitter=lambda: 0.5,
        )

    def watch_brings(self, body: dict[str, Any]) -> None:
        self.known.put_pipeline(body, watched=True)


async def test_a_pipeline_that_the_watch_has_missed_is_reconciled() -> None:
    """Late, but it is."""
    stage = Watchless()
    stage.cluster.put(a_resource())

    await stage.resync.probe()

    assert stage.asked == [Key("team", "boiler")]


async def test_a_watch_that_brings_nothing_is_deaf_after_a_while() -> None:
    """Liveness fails then, and the process is started anew."""
    stage = Watchless()
    stage.cluster.put(a_resource())

    await stage.resync.probe()
    assert stage.resync.deaf() == ""
    stage.now += Settings().deaf_seconds + 1
    await stage.resync.probe()

    assert "team/boiler" in stage.resync.deaf()
    assert stage.resync.watch_age() > Settings().deaf_seconds


async def test_a_watch_that_catches_up_is_sound() -> None:
    """A short delay is none of liveness' business."""
    stage = Watchless()
    stage.cluster.put(a_resource())
    await stage.resync.probe()
    stage.now += 60
    live = stage.cluster.find(kinds.PIPELINE, "boiler")
    assert live is not None
    stage.watch_brings(live)

    await stage.resync.probe()

    assert (stage.resync.deaf(), stage.resync.watch_age()) == ("", 0)


async def test_a_deletion_that_the_watch_has_missed_counts_too() -> None:
    """What is not listed any more is forgotten."""
    stage = Watchless()
    stage.watch_brings(stage.cluster.put(a_resource()))
    stage.cluster.remove(kinds.PIPELINE, "boiler")

    await stage.resync.probe()

    assert stage.known.pipeline(Key("team", "boiler")) is None
    assert stage.asked == [Key("team", "boiler")]


async def test_a_namesake_made_while_the_list_was_under_way_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`kubectl replace --force`: the first is missing in the list, the second is newer than it."""
    stage = Watchless()
    stage.watch_brings(stage.cluster.put(a_resource()))
    select = stage.cluster.select

    async def a_moment_ago(*args: Any) -> list[dict[str, Any]]:
        stage.cluster.remove(kinds.PIPELINE, "boiler")
        found = await select(*args)
        stage.known.drop_pipeline(Key("team", "boiler"), "cr-uid")
        stage.watch_brings(stage.cluster.put(a_resource(uid="another")))
        return found

    monkeypatch.setattr(stage.cluster, "select", a_moment_ago)
    await stage.resync.probe()
    monkeypatch.undo()

    assert stage.known.uid(Key("team", "boiler")) == "another"
    stage.now += Settings().deaf_seconds + 1
    await stage.resync.probe()
    assert stage.resync.deaf() == ""


async def test_a_watch_that_is_always_a_moment_behind_is_not_deaf() -> None:
    """Each look may come just before the event of another change of the same pipeline."""
    stage = Watchless()
    for _ in range(10):
        live = stage.cluster.put(a_resource())
        await stage.resync.probe()
        stage.watch_brings(live)
        stage.now += 30
        assert stage.resync.deaf() == ""


async def test_an_operator_that_cannot_even_look_is_deaf_in_the_end() -> None:
    """With no answer from the API server, nothing is known to be sound."""
    stage = Watchless()
    stage.now += 2 * Settings().deaf_seconds + 31

    assert "not known to be sound" in stage.resync.deaf()


async def test_an_idle_cluster_is_sound_for_ever() -> None:
    """No change, nothing missed."""
    stage = Watchless()
    stage.watch_brings(stage.cluster.put(a_resource()))

    for _ in range(100):
        stage.now += 30
        await stage.resync.probe()
        assert stage.resync.deaf() == ""


async def test_a_full_list_reveals_drift_that_no_event_told_of() -> None:
    """Each kind is listed once, by our label, whatever the number of pipelines."""
    stage = Watchless()
    stage.watch_brings(stage.cluster.put(a_resource()))

    await stage.resync.full()

    asked = [resource for _, resource, _ in stage.cluster.requests]
    assert sorted(asked) == sorted(kind.plural for kind in kinds.CHILDREN)


async def test_an_optional_api_that_goes_takes_its_objects_along() -> None:
    """No event told of them; each pipeline is looked at, as it is when one comes."""
    stage = Watchless()
    body = a_resource()
    stage.watch_brings(stage.cluster.put(body))
    key = key_of(body)
    monitor = {
        "apiVersion": kinds.SERVICE_MONITOR.api_version,
        "kind": kinds.SERVICE_MONITOR.kind,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "uid": "m",
            "resourceVersion": "1",
            "labels": names.labels(key.name, names.DATAPLANE),
            "ownerReferences": [{"uid": body["metadata"]["uid"], "controller": True}],
        },
    }
    assert stage.known.put_child(monitor) == key
    stage.asked.clear()

    await stage.resync.api_changed(kinds.SERVICE_MONITOR, False)

    assert stage.asked == [key]
    assert not stage.known.children(key)


@in_virtual_time
async def test_a_watch_that_begins_anew_leads_to_a_full_list() -> None:
    """It tells what is there, never what went while it was away."""
    stage = Watchless()
    task = asyncio.create_task(stage.resync.run())
    await asyncio.sleep(0)
    stage.resync.hurry()
    await asyncio.sleep(HURRY_SECONDS + 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    listed = [resource for _, resource, _ in stage.cluster.requests]
    assert listed.count("deployments") == 1


async def test_a_namespace_that_is_closed_to_us_harms_no_other() -> None:
    """Its lists are refused; those of the others count."""
    stage = Watchless(Settings(watch_namespaces=("closed", "team")))
    stage.cluster.put(a_resource())
    stage.cluster.closed.add("closed")

    await stage.resync.full()
    await stage.resync.probe()

    assert await stage.resync.open_namespaces() == ("team",)
    assert stage.asked == [Key("team", "boiler")]
