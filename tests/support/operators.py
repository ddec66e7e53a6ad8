"""An operator's loop over a FakeCluster, driven step by step, on a clock of its own."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from anomaly_operator import kinds, names
from anomaly_operator.inventory import Inventory, Key
from anomaly_operator.reconcile import Reconciler
from anomaly_operator.settings import Settings
from anomaly_operator.stats import Stats
from anomaly_operator.status.conditions import Condition, Type, find
from anomaly_operator.status.figures import timestamp
from anomaly_operator.telemetry import Telemetry
from fake_cluster import FakeCluster

Manifest = dict[str, Any]

START = datetime(2026, 1, 1, tzinfo=UTC)


def a_resource(
    spec: dict[str, Any] | None = None,
    *,
    name: str = "boiler",
    namespace: str = "team",
    uid: str = "cr-uid",
    generation: int = 1,
) -> Manifest:
    """An AnomalyPipeline as the API has it."""
    return {
        "apiVersion": "anomalypipeline.io/v1alpha1",
        "kind": "AnomalyPipeline",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "generation": generation,
        },
        "spec": spec or {},
    }


def some_stats(**changes: Any) -> Stats:
    """The figures of a healthy pipeline."""
    values: dict[str, Any] = {
        "samples": 0,
        "anomalies_last_hour": 0,
        "series": 0,
        "last_sample": None,
        "redis_up": True,
        "redis_error": "",
    }
    return Stats(**{**values, **changes})


class FakeStats:
    """Answers with what a test has put there."""

    def __init__(self) -> None:
        self.answer: Stats | None = None
        self.asked_at: tuple[str, int] | None = None
        self.silent: asyncio.Event | None = None
        """Keeps every answer back until it is set."""

    async def read(self, host: str, port: int) -> Stats | None:
        self.asked_at = (host, port)
        if self.silent is not None:
            await self.silent.wait()
        return self.answer


class Stage:
    """One operator, one cluster, and the clock between them."""

    def __init__(self, spec: dict[str, Any] | None = None, *, name: str = "boiler") -> None:
        self.cluster = FakeCluster()
        self.stats = FakeStats()
        self.settings = Settings()
        self.seconds = 0.0
        self.key = Key("team", name)
        self.put_resource(a_resource(spec, name=name))
        self.restart_operator()

    def restart_operator(self) -> None:
        """Forget everything that a process forgets."""
        self.known = Inventory()
        self.reconciler = Reconciler(
            self.cluster,
            self.known,
            self.stats,
            self.settings,
            Telemetry(),
            clock=lambda: self.seconds,
            wall_clock=self.now,
            jitter=lambda: 0.5,
            new_password=lambda: f"password-{len(self.cluster.requests)}",
        )

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def put_resource(self, body: Manifest) -> None:
        """What `kubectl apply` does to the resource; the status is kept."""
        before = self.cluster.find(kinds.PIPELINE, body["metadata"]["name"])
        if before is not None and "status" in before:
            body = {**body, "status": before["status"]}
        self.cluster.put(body)

    def edit(self, spec: dict[str, Any]) -> None:
        """A new spec, with the next generation."""
        generation = self.resource()["metadata"]["generation"] + 1
        self.put_resource(a_resource(spec, name=self.key.name, generation=generation))

    def resource(self) -> Manifest:
        found = self.cluster.find(kinds.PIPELINE, self.key.name)
        assert found is not None
        return found

    def deliver(self) -> None:
        """What the watches bring: everything as it is now, and what is gone."""
        for kind in (kinds.PIPELINE, *kinds.CHILDREN):
            live = [
                found
                for (kind_name, _, _), found in list(self.cluster.objects.items())
                if kind_name == kind.kind
            ]
            if kind is kinds.PIPELINE:
                for body in live:
                    self.known.put_pipeline(_copy(body), watched=True)
            else:
                self.known.replace_children(kind, None, [_copy(found) for found in live])

    async def reconcile(self) -> float | None:
        """Deliver events and do the pipeline once."""
        self.deliver()
        return await self.reconciler.reconcile(self.key)

    async def settle(self) -> None:
        """Reconcile until pods and Redis are up, as their controllers would have them."""
        await self.reconcile()
        self.bring_up()
        await self.reconcile()

    def bring_up(self) -> None:
        """Play the controllers of Kubernetes: everything becomes ready."""
        name = self.key.name
        workload = self.cluster.find(kinds.DEPLOYMENT, name)
        assert workload is not None
        count = workload["spec"]["replicas"]
        self.cluster.set_status(
            kinds.DEPLOYMENT,
            name,
            {
                "observedGeneration": workload["metadata"]["generation"],
                "replicas": count,
                "updatedReplicas": count,
                "readyReplicas": count,
            },
        )
        store = self.cluster.find(kinds.STATEFUL_SET, f"{name}-redis")
        if store is not None:
            generation = store["metadata"]["generation"]
            self.cluster.set_status(
                kinds.STATEFUL_SET,
                f"{name}-redis",
                {"observedGeneration": generation, "replicas": 1, "readyReplicas": 1},
            )
        if self.cluster.find(kinds.INGRESS, name) is not None:
            address = {"ingress": [{"ip": "192.0.2.7"}]}
            self.cluster.set_status(kinds.INGRESS, name, {"loadBalancer": address})

    def delete(self) -> None:
        """What `kubectl delete` does to a pipeline with a finalizer."""
        body = self.resource()
        body["metadata"]["deletionTimestamp"] = timestamp(self.now())
        self.cluster.put(body)

    def job(self) -> Manifest | None:
        """The Job that purges."""
        return self.cluster.find(kinds.JOB, names.purge(self.key.name, "cr-uid"))

    def end_job(self, how: str) -> None:
        """Play the Job's controller: `Complete` or `Failed`."""
        conditions = [{"type": how, "status": "True", "message": "by the test"}]
        name = names.purge(self.key.name, "cr-uid")
        self.cluster.set_status(kinds.JOB, name, {"conditions": conditions})

    def notice(self) -> None:
        """Play a controller that has seen the Deployment's newest template, and no more."""
        workload = self.cluster.find(kinds.DEPLOYMENT, self.key.name)
        assert workload is not None
        generation = workload["metadata"]["generation"]
        seen = {"observedGeneration": generation, "updatedReplicas": 0}
        self.cluster.set_status(kinds.DEPLOYMENT, self.key.name, seen)

    def condition(self, type_: Type) -> Condition:
        found = find(self.resource()["status"]["conditions"], type_)
        assert found is not None, f"no condition {type_}"
        return found

    def says(self, type_: Type) -> tuple[str, str]:
        """Status and reason of a condition."""
        found = self.condition(type_)
        return found["status"], found["reason"]


def _copy(manifest: Manifest) -> Manifest:
    return {**manifest, "metadata": dict(manifest["metadata"])}
