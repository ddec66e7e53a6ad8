"""kopf's events: they change the inventory and ask for a reconcile, and nothing else."""

from __future__ import annotations

import inspect
from typing import Any

import kopf
import pytest

from anomaly_operator import handlers, kinds, names
from anomaly_operator.inventory import Inventory, Key
from anomaly_operator.settings import Settings
from anomaly_operator.workqueue import WorkQueue
from operators import a_resource

KEY = Key("team", "boiler")


class Noted(WorkQueue[Key]):
    """A queue that only notes what was asked."""

    def __init__(self) -> None:
        super().__init__(self._never)
        self.asked: list[Key] = []

    async def _never(self, key: Key) -> None:
        raise AssertionError(key)

    def add(self, key: Key, delay: float = 0.0, *, first: bool = False) -> None:
        self.asked.append(key)


def event(kind: str | None, body: dict[str, Any]) -> Any:
    return {"type": kind, "object": body}


@pytest.fixture
def known() -> Inventory:
    return Inventory()


@pytest.fixture
async def queue() -> Noted:
    return Noted()


async def test_a_pipeline_is_kept_reconciled_and_forgotten(known: Inventory, queue: Noted) -> None:
    """Added, unchanged, deleted."""
    handle = handlers.on_pipeline(known, queue)

    await handle(event=event("ADDED", a_resource()))
    await handle(event=event("MODIFIED", a_resource()))
    assert queue.asked == [KEY]

    await handle(event=event("DELETED", a_resource()))
    assert queue.asked == [KEY, KEY]
    assert known.pipeline(KEY) is None


async def test_a_childs_event_asks_for_its_pipeline(known: Inventory, queue: Noted) -> None:
    """Found by the owner reference."""
    child = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "boiler",
            "namespace": "team",
            "uid": "u",
            "ownerReferences": [
                {"kind": names.KIND, "name": "boiler", "uid": "cr-uid", "controller": True}
            ],
        },
    }
    relists: list[None] = []
    handle = handlers.on_child(kinds.SERVICE, known, queue, lambda: relists.append(None))

    await handle(event=event("ADDED", child))
    await handle(event=event("MODIFIED", child))
    await handle(event=event("DELETED", child))
    assert queue.asked == [KEY, KEY]
    assert relists == []

    await handle(event=event(None, child))
    assert relists == [None]


def test_kopf_leaves_the_resources_alone(known: Inventory) -> None:
    """Nothing but event handlers: no finalizers, no progress, no last-handled annotation."""
    registry = handlers.registry(known, Noted(), lambda: None)

    assert not list(registry._changing.get_all_handlers())
    assert not list(registry._spawning.get_all_handlers())
    assert not list(registry._indexing.get_all_handlers())
    assert len(list(registry._watching.get_all_handlers())) == len(kinds.CHILDREN) + 1


async def test_no_handler_waits_in_a_thread_or_leaves_a_word_in_the_status(
    known: Inventory,
) -> None:
    """kopf runs plain functions in threads, and writes what handlers return into the resource."""
    registry = handlers.registry(known, Noted(), lambda: None)

    for handler in registry._watching.get_all_handlers():
        assert inspect.iscoroutinefunction(handler.fn)
    assert await handlers.on_pipeline(known, Noted())(event=event("ADDED", a_resource())) is None


@pytest.mark.parametrize(
    ("host", "port", "server"),
    [
        ("10.0.0.1", "6443", "https://10.0.0.1:6443"),
        ("fd00::1", "443", "https://[fd00::1]:443"),
        ("", "", "https://kubernetes.default.svc"),
    ],
)
def test_a_pod_finds_the_api_server_without_asking_the_clusters_dns(
    host: str, port: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kubelet tells it, so that both clients go on while the DNS is down."""
    pods_own = kopf.ConnectionInfo(server="https://kubernetes.default.svc", token="t")
    monkeypatch.setattr(kopf, "login_with_service_account", lambda **_: pods_own)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)

    found = handlers.login()

    assert found is not None
    assert (found.server, found.token) == (server, "t")


def test_kopf_is_silent_standalone_and_quick_to_stop() -> None:
    """The settings that each pitfall asks for."""
    tuned = handlers.kopf_settings(Settings())

    assert isinstance(tuned, kopf.OperatorSettings)
    assert not tuned.posting.enabled
    assert tuned.peering.standalone
    assert tuned.process.ultimate_exiting_timeout == 20
    assert tuned.watching.server_timeout == 300
    assert tuned.watching.client_timeout == 310
    assert tuned.watching.connect_timeout == 30
    assert tuned.queueing.worker_limit is not None
    selectors = list(tuned.watching.label_selectors.values())
    assert selectors.count(names.MANAGED_SELECTOR) == len(kinds.CHILDREN)
    assert set(selectors) == {names.MANAGED_SELECTOR, "!anomalypipeline.io/instance"}


def test_a_namespaced_operator_asks_for_nothing_cluster_wide() -> None:
    """It has a Role only."""
    assert handlers.kopf_settings(Settings(watch_namespaces=("a",))).scanning.disabled
    assert not handlers.kopf_settings(Settings()).scanning.disabled
