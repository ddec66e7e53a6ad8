"""kopf lives here and in `__main__`: which watches there are, and what an event does.

An event changes the inventory and asks for a reconcile, nothing else: no handler ever writes, so
kopf needs neither finalizers nor annotations on our resources.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import kopf
from kopf._cogs.structs.references import Insights  # the type of an argument of kopf.operator

from anomaly_operator import kinds, names
from anomaly_operator.cluster import service_url
from anomaly_operator.inventory import Inventory, Key, key_of
from anomaly_operator.kinds import Kind
from anomaly_operator.settings import Settings
from anomaly_operator.workqueue import WorkQueue

START_SPREAD_SECONDS = 2.0
"""Over which the pipelines found at start are spread."""
CHILD_DELAY_SECONDS = 0.2
"""A child's event waits this long: more of the same change follow it."""


def registry(
    known: Inventory, queue: WorkQueue[Key], relisted: Callable[[], None]
) -> kopf.OperatorRegistry:
    """The handlers of this operator, bound to its inventory and queue.

    Args:
        known: what the events change.
        queue: what they ask for a reconcile.
        relisted: called when a watch begins (anew) with a list; kopf tells what is in the list,
            not what is missing from it.
    """
    handlers = kopf.OperatorRegistry()
    kopf.on.login(registry=handlers)(login)
    kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=handlers)(
        on_pipeline(known, queue)
    )
    for kind in kinds.CHILDREN:
        kopf.on.event(kind.group, kind.version, kind.plural, registry=handlers)(
            on_child(kind, known, queue, relisted)
        )
    return handlers


def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """Credentials of the pod, else of the kubeconfig; asked again when they expire."""
    found = kopf.login_with_service_account(**kwargs)
    if found is None:
        return kopf.login_with_kubeconfig(**kwargs)
    # kopf would ask the cluster's DNS for the API server, and be deaf while that is down.
    return replace(found, server=service_url() or found.server)


def on_pipeline(known: Inventory, queue: WorkQueue[Key]) -> Callable[..., Any]:
    """The handler of events of AnomalyPipelines."""

    async def pipeline_event(event: kopf.RawEvent, **_: Any) -> None:
        body = _plain(event)
        key = key_of(body)
        if event["type"] == "DELETED":
            if known.drop_pipeline(key, body["metadata"]["uid"]):
                queue.add(key)
        elif known.put_pipeline(body, watched=True):
            if event["type"] is None:
                queue.add(key, random.random() * START_SPREAD_SECONDS)  # noqa: S311  # a delay
            else:
                queue.add(key, first=True)

    return pipeline_event


def on_child(
    kind: Kind, known: Inventory, queue: WorkQueue[Key], relisted: Callable[[], None]
) -> Callable[..., Any]:
    """The handler of events of one kind of child."""

    async def child_event(event: kopf.RawEvent, **_: Any) -> None:
        body = _plain(event)
        body.setdefault("apiVersion", kind.api_version)
        body.setdefault("kind", kind.kind)
        if event["type"] is None:
            relisted()
        gone = event["type"] == "DELETED"
        key = known.drop_child(body) if gone else known.put_child(body)
        if key is not None:
            queue.add(key, CHILD_DELAY_SECONDS)

    return child_event


def _plain(event: kopf.RawEvent) -> dict[str, Any]:
    body: dict[str, Any] = dict(event["object"])
    body["metadata"] = dict(body["metadata"])
    return body


async def watch(insights: Insights, kind: Kind) -> None:
    """Let kopf watch a kind that it has not found by itself, though it is served."""
    resource = kopf.Resource(kind.group, kind.version, kind.plural, kind.kind, namespaced=True)
    async with insights.revised:
        insights.watched_resources.add(resource)
        insights.revised.notify_all()


def kopf_settings(settings: Settings) -> kopf.OperatorSettings:
    """Tune kopf: silent on the API, quick to notice a dead watch, quick to stop."""
    tuned = kopf.OperatorSettings()
    tuned.posting.enabled = False
    tuned.peering.standalone = True
    tuned.scanning.disabled = bool(settings.watch_namespaces)
    tuned.process.ultimate_exiting_timeout = 20
    tuned.watching.server_timeout = 300
    tuned.watching.client_timeout = 310
    tuned.watching.connect_timeout = 30
    tuned.networking.request_timeout = settings.api_timeout_seconds
    # Never longer than 5 s between two tries: an API server that is back should be noticed soon.
    tuned.networking.error_backoffs = (1, 1, 2, 3, *[5] * 20)
    # Handlers only take notes, so the workers are many and gone quickly.
    tuned.queueing.worker_limit = 100
    tuned.queueing.idle_timeout = 0.1
    tuned.watching.label_selectors[names.GROUP, names.VERSION, names.PLURAL] = (
        names.pipelines_selector(settings.instance)
    )
    for kind in kinds.CHILDREN:
        tuned.watching.label_selectors[kind.group, kind.version, kind.plural] = (
            names.MANAGED_SELECTOR
        )
    return tuned
