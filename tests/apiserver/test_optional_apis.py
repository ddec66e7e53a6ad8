"""The Prometheus operator comes later than ours: its objects are then looked after as well."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator import kinds
from api_server import ApiServer
from devcluster.golang import go_command, module_folder
from devcluster.monitoring import programs
from devcluster.paths import Cache
from kube import Kubectl, applied_at, says
from operator_process import OperatorProcess, operator
from pipelines import RESOURCE, resource
from polling import eventually

KINDS = tuple(
    f"{kind.plural}.{kind.group}" for kind in (kinds.SERVICE_MONITOR, kinds.PROMETHEUS_RULE)
)
EDITS: dict[str, dict[str, Any]] = {
    KINDS[0]: {"spec": {"endpoints": []}},
    KINDS[1]: {"spec": {"groups": []}},
}


@pytest.fixture
def crds(server: ApiServer) -> Iterator[list[str]]:
    """The files of the CRDs, from their own module; the CRDs are gone before and after."""
    module = module_folder(
        go_command(Cache.from_environment()), programs.MODULE, sources=programs.GOMOD
    )
    folder = module / "example" / "prometheus-operator-crd"
    names = [each.partition(".")[0] for each in KINDS]
    yield [str(folder / f"monitoring.coreos.com_{name}.yaml") for name in names]
    for name in KINDS:
        server.kubectl().delete("crd", name)


@pytest.mark.parametrize("cluster_wide", [False, True], ids=["namespaced", "cluster-wide"])
def test_monitoring_that_is_installed_late_is_healed_like_the_rest(
    server: ApiServer, kubectl: Kubectl, crds: list[str], tmp_path: Path, cluster_wide: bool
) -> None:
    """Edits and deletions within ten seconds; also of an API that went away and came back.

    When an API goes, kopf may end with its watch, and the process be started again.
    """
    where = {} if cluster_wide else {"watch_namespaces": kubectl.namespace}
    with operator(server.kubeconfig, tmp_path, **where) as process:
        kubectl.apply(resource("boiler"))
        eventually("the lack is told", partial(is_lacking, kubectl))
        for time_to_heal in (10.0, math.inf):
            for file in crds:
                kubectl.run("create", "-f", file)
            eventually("monitoring is there", lambda: process.keep_running() and is_there(kubectl))
            for kind in KINDS:
                is_healed(process, kubectl, kind, time_to_heal)
            for name in KINDS:
                kubectl.delete("crd", name)
            eventually("the lack is told", lambda: process.keep_running() and is_lacking(kubectl))
        eventually(
            "it is alive", lambda: process.keep_running() and process.get("/livez")[0] == 200
        )
        kubectl.delete(RESOURCE, "boiler")


def is_lacking(kubectl: Kubectl) -> bool:
    """And nothing else suffers from it."""
    pipeline = kubectl.need(RESOURCE, "boiler")
    return says(pipeline, "MonitoringConfigured", "False", "CRDNotInstalled") and says(
        pipeline, "Applied", "True"
    )


def is_there(kubectl: Kubectl) -> bool:
    return says(kubectl.need(RESOURCE, "boiler"), "MonitoringConfigured", "True")


def is_healed(process: OperatorProcess, kubectl: Kubectl, kind: str, within: float) -> None:
    before = kubectl.need(kind, "boiler")
    kubectl.patch(kind, "boiler", EDITS[kind])
    edited = time.time()
    eventually(
        f"the edit of {kind} is undone",
        lambda: process.keep_running() and kubectl.need(kind, "boiler")["spec"] == before["spec"],
    )
    assert applied_at(kubectl, kind, "boiler") - edited < within

    kubectl.delete(kind, "boiler")
    deleted = time.time()
    eventually(f"{kind} is back", lambda: process.keep_running() and kubectl.get(kind, "boiler"))
    assert applied_at(kubectl, kind, "boiler") - deleted < within
