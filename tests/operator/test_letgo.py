"""`anomaly-operator let-go`: nothing waits for an operator that was uninstalled."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator import kinds, names
from anomaly_operator.errors import ApiError
from anomaly_operator.letgo import LOOKS, let_go
from anomaly_operator.settings import Settings
from fake_cluster import FakeCluster
from operators import a_resource

OTHERS = "example.com/theirs"


class Stage:
    """A cluster with pipelines, and a sleep in which a test may do something."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.naps = 0

    def put(self, name: str, *finalizers: str, **labels: str) -> None:
        body = a_resource(name=name)
        body["metadata"] |= {"finalizers": list(finalizers), "labels": labels}
        self.cluster.put(body)

    def finalizers(self, name: str) -> list[str]:
        live = self.cluster.find(kinds.PIPELINE, name)
        assert live is not None
        return list(live["metadata"].get("finalizers") or ())

    async def run(self, **settings: Any) -> int:
        return await let_go(self.cluster, Settings(**settings), sleep=self._sleep)

    async def _sleep(self, _: float) -> None:
        self.naps += 1


async def test_our_finalizer_goes_and_those_of_others_stay() -> None:
    """Whoever has put them there has a reason."""
    stage = Stage()
    stage.put("held", names.FINALIZER, OTHERS)
    stage.put("free")

    assert await stage.run() == 1

    assert stage.finalizers("held") == [OTHERS]
    assert stage.cluster.writes() == [("patch", "anomalypipelines", "held")]


async def test_pipelines_of_another_operator_are_none_of_its_business() -> None:
    """They are told apart by their label."""
    stage = Stage()
    stage.put("theirs", names.FINALIZER, **{names.LABEL_SERVED_BY: "blue"})

    assert await stage.run() == 0
    assert stage.finalizers("theirs") == [names.FINALIZER]
    assert await stage.run(instance="blue") == 1
    assert stage.finalizers("theirs") == []


async def test_what_the_ending_operator_has_just_set_goes_too() -> None:
    """None may be found twice in a row."""
    stage = Stage()
    stage.put("first", names.FINALIZER)

    async def sleep(_: float) -> None:
        stage.naps += 1
        if stage.naps == LOOKS:
            stage.put("late", names.FINALIZER)

    assert await let_go(stage.cluster, Settings(), sleep=sleep) == 2
    assert stage.finalizers("late") == []


async def test_a_busy_api_server_is_waited_for_and_a_refusal_is_told() -> None:
    """The Job of the chart fails then, and helm says so."""
    stage = Stage()
    stage.put("held", names.FINALIZER)
    stage.cluster.failing["patch", "anomalypipelines"] = ApiError(503, "busy")
    stage.cluster.failing_times["patch", "anomalypipelines"] = 3

    assert await stage.run() == 1

    stage.put("held", names.FINALIZER)
    stage.cluster.failing["patch", "anomalypipelines"] = ApiError(403, "forbidden")
    del stage.cluster.failing_times["patch", "anomalypipelines"]
    with pytest.raises(ApiError, match="forbidden"):
        await stage.run()


async def test_without_the_crd_there_is_nothing_to_do() -> None:
    """It may have been the first to go."""
    stage = Stage()
    stage.cluster.failing["list", "anomalypipelines"] = ApiError(404, "no such kind")

    assert await stage.run() == 0
