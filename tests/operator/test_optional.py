"""An optional API that comes late is watched, whether kopf has found it or not."""

from __future__ import annotations

from anomaly_operator import kinds
from anomaly_operator.kinds import Kind
from anomaly_operator.optional import PATIENT_LOOKS, OptionalApis
from fake_cluster import FakeCluster

ROUTES = "watcher for httproutes.v1.gateway.networking.k8s.io@None"


class Stage:
    """A cluster without optional APIs, and kopf's watches as a list of names."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.cluster.absent = set(kinds.OPTIONAL)
        self.running: list[str] = []
        self.begun: list[Kind] = []
        self.told: list[tuple[Kind, bool]] = []
        self.beginnings = 0
        self.apis = OptionalApis(
            self.cluster, self._watch, self._changed, self._began, names=self._names
        )

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            await self.apis.look()

    def _names(self) -> list[str]:
        return self.running

    async def _watch(self, kind: Kind) -> None:
        self.begun.append(kind)

    def _began(self) -> None:
        self.beginnings += 1

    async def _changed(self, kind: Kind, served: bool) -> None:
        self.told.append((kind, served))


async def test_what_kopf_has_missed_is_watched_all_the_same() -> None:
    """After a moment in which it could have begun by itself; everyone is told at once."""
    stage = Stage()
    await stage.look()
    stage.cluster.absent.remove(kinds.HTTP_ROUTE)

    await stage.look(PATIENT_LOOKS)
    assert (stage.begun, stage.told) == ([], [(kinds.HTTP_ROUTE, True)])
    await stage.look()

    assert stage.begun == [kinds.HTTP_ROUTE]
    assert stage.told == [(kinds.HTTP_ROUTE, True)]


async def test_what_kopf_has_found_is_left_to_it() -> None:
    """The beginning of its watch is how we know."""
    stage = Stage()
    await stage.look()
    stage.cluster.absent.remove(kinds.HTTP_ROUTE)
    stage.running.append(ROUTES)

    await stage.look(10)

    assert (stage.begun, stage.told) == ([], [(kinds.HTTP_ROUTE, True)])
    assert stage.beginnings == 1, "what went before it began must be looked for"


async def test_what_was_there_at_the_start_is_no_news() -> None:
    """Every pipeline is looked at then anyway."""
    stage = Stage()
    stage.cluster.absent.clear()

    await stage.look()

    assert stage.told == []


async def test_an_api_that_goes_is_told_and_watched_again_when_it_is_back() -> None:
    """Its watch has ended with it, and kopf may have forgotten it."""
    stage = Stage()
    stage.cluster.absent.remove(kinds.HTTP_ROUTE)
    stage.running.append(ROUTES)
    await stage.look()
    stage.cluster.absent.add(kinds.HTTP_ROUTE)
    stage.running.clear()

    await stage.look(10)
    assert (stage.begun, stage.told) == ([], [(kinds.HTTP_ROUTE, False)])
    stage.cluster.absent.remove(kinds.HTTP_ROUTE)
    await stage.look(PATIENT_LOOKS + 1)

    assert stage.begun == [kinds.HTTP_ROUTE]
