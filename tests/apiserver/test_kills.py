"""The operator is killed at any request: the next one comes to the same objects, whatever it finds.

`ANOMALY_KILLS` says how often (`make api-server ANOMALY_KILLS=100`), `ANOMALY_SEED` where.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from api_server import ApiServer
from fault_proxy import FaultProxy, Point, fault_proxy
from kube import Kubectl, says
from operator_process import OperatorProcess
from pipelines import resource
from polling import eventually
from redis_server import free_port

KILLS = int(os.environ.get("ANOMALY_KILLS") or 20)
SEED = int(os.environ.get("ANOMALY_SEED") or random.randrange(10**6))
ROUND = 10
"""Kills after which the operator may come to an end, and every object is looked at."""

FIRST: dict[str, Any] = {}
THEN = {
    "autoscaling": {"minReplicas": 2},
    "detection": {"threshold": "3"},
    "expose": {"type": "None"},
    "networkPolicy": {"enabled": True},
}
"""What every pipeline is edited to: objects come, change and go."""
KINDS = "serviceaccount,configmap,deployment,service,statefulset,ingress,hpa,pdb,netpol,secret"
_OF_THE_MOMENT = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
_HASHES = ("anomalypipeline.io/config-hash", "anomalypipeline.io/redis-credentials")


class Guillotine:
    """Counts what passes the proxy, and kills the operator where it is told to."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self._kill = kill
        self._left: Counter[Point] = Counter()
        self.passed: Counter[Point] = Counter()

    def arm(self, point: Point, number: int) -> None:
        """Kill when the n-th thing of this sort passes from now on."""
        self._left = Counter({point: number})

    def disarm(self) -> None:
        self._left.clear()

    def __call__(self, point: Point) -> bool:
        """Something passes; tells whether that killed the operator."""
        self.passed[point] += 1
        self._left[point] -= 1
        if self._left[point] != 0:
            return False
        self._kill()
        return True


@pytest.fixture
def proxy(server: ApiServer) -> Iterator[FaultProxy]:
    with fault_proxy(server) as found:
        yield found


@pytest.mark.timeout(300 + 20 * KILLS)
def test_killed_at_any_request_it_always_comes_to_the_same_objects(
    proxy: FaultProxy, kubectl: Kubectl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By `kill -9`: before the API server gets a request, before its answer, before an event."""
    dice = random.Random(SEED)
    config = proxy.kubeconfig(tmp_path / "kubeconfig")
    here = {"watch_namespaces": kubectl.namespace}
    process = OperatorProcess(config, tmp_path / "operator.log", here, free_port())
    blade = proxy.on_point = Guillotine(process.kill)
    done: Counter[Point] = Counter()
    try:
        expected, usual = undisturbed(process, kubectl, blade)
        for first in range(0, KILLS, ROUND):
            names: list[str] = []
            while done.total() < min(first + ROUND, KILLS):
                point = min(Point, key=lambda each: (done[each], dice.random()))
                names.append(f"killed-{first}-{len(names)}")
                before = [resource(name, THEN) for name in names[-2:-1]]
                blade.arm(point, dice.randint(1, usual[point]))
                process.start(wait=False)
                kubectl.apply(*before, resource(names[-1], FIRST))
                if dies(process, kubectl, names[-2:], blade):
                    done[point] += 1
            process.start()
            kubectl.apply(resource(names[-1], THEN))
            for name in names:
                eventually(
                    f"{name} is as if nothing had happened (seed {SEED})",
                    partial(is_like, kubectl, name, expected),
                )
            process.kill()
            kubectl.run("delete", "ap", "--all")
        with capsys.disabled():
            counts = ", ".join(f"{count} at {point}" for point, count in sorted(done.items()))
            sys.stdout.write(f"\nseed {SEED}: {done.total()} kills ({counts})\n")
    finally:
        process.kill()


def undisturbed(
    process: OperatorProcess, kubectl: Kubectl, blade: Guillotine
) -> tuple[list[str], Counter[Point]]:
    """The objects of a pipeline that nothing happens to, and what that takes of each sort."""
    process.start(wait=False)
    kubectl.apply(resource("calm", FIRST))
    eventually("it is applied", lambda: is_applied(kubectl, "calm"))
    kubectl.apply(resource("calm", THEN))
    eventually("the edit is applied", lambda: is_applied(kubectl, "calm"))
    usual = blade.passed.copy()
    process.kill()
    expected = objects(kubectl, "calm")
    kubectl.run("delete", "ap", "--all")
    return expected, usual


def dies(process: OperatorProcess, kubectl: Kubectl, names: list[str], blade: Guillotine) -> bool:
    """Wait until the operator is killed; it is too late for that if it has nothing left to do."""

    def over() -> bool:
        return process.process is None or all(is_applied(kubectl, name) for name in names)

    eventually("it is killed, or done", over, pause=0.05)
    blade.disarm()
    killed = process.process is None
    process.kill()
    return killed


def is_applied(kubectl: Kubectl, name: str) -> bool:
    return says(kubectl.need("ap", name), "Applied", "True")


def is_like(kubectl: Kubectl, name: str, expected: list[str]) -> bool:
    found = objects(kubectl, name)
    missing, more = set(expected) - set(found), set(found) - set(expected)
    assert not missing, f"missing {missing}, instead {more}"
    assert not more, more
    return True


def objects(kubectl: Kubectl, name: str) -> list[str]:
    """The objects of a pipeline, without what tells those of two pipelines apart."""
    owner = kubectl.need("ap", name)["metadata"]["uid"]
    found = [
        json.dumps(bare(each), sort_keys=True).replace(owner, "UID").replace(name, "NAME")
        for each in kubectl.list(KINDS, f"app.kubernetes.io/instance={name}")
    ]
    return sorted(found)


def bare(live: dict[str, Any]) -> dict[str, Any]:
    """An object without bookkeeping, addresses, passwords and hashes."""
    meta = {key: value for key, value in live["metadata"].items() if key not in _OF_THE_MOMENT}
    meta.get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
    if not meta.get("annotations"):
        meta.pop("annotations", None)
    kept = {key: value for key, value in live.items() if key not in ("metadata", "status")}
    if live["kind"] == "Secret":
        kept["data"] = sorted(kept["data"])
    spec = kept.get("spec", {})
    for own in ("clusterIP", "clusterIPs"):
        if spec.get(own) not in ("None", ["None"]):
            spec.pop(own, None)
    hashed = spec.get("template", {}).get("metadata", {}).get("annotations", {})
    for name in _HASHES:
        if name in hashed:
            hashed[name] = "HASH"
    return {**kept, "metadata": meta}
