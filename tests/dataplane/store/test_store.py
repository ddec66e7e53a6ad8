"""The suite that every Store must pass: in process and on Redis in every way to run it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.series import Series
from anomaly_dataplane.store import ABSENT, SeriesWrite, Store, Totals, Writes
from anomaly_dataplane.store.memory_store import MemoryStore
from redis_stores import config_for, on_sentinels, opened
from samples import a_series

NOW = 1_767_225_600_000


def version(number: int) -> bytes:
    return struct.pack("<d", float(number))


def block(number: int, *rest: float) -> bytes:
    return version(number) + struct.pack(f"<{len(rest)}d", *rest)


def an_anomaly(series: Series, time: float = NOW) -> Anomaly:
    return Anomaly(
        id=f"{series.id}-{time:.0f}",
        metric=series.metric,
        labels=series.labels,
        time=time,
        value=99.0,
        score=8.1,
        threshold=2.0,
        family="zscore",
        z=8.1,
        mean=70.0,
        std=0.5,
        n=120,
        expected=(69.0, 71.0),
    )


def creation(series: Series, data: bytes, accepted: int = 0, outliers: int = 0) -> SeriesWrite:
    return SeriesWrite(
        series, ABSENT, [(0, data)], whole=True, accepted=accepted, outliers=outliers
    )


async def commit(store: Store, *rows: SeriesWrite, now: int = NOW) -> list[int]:
    """Commit rows of one partition; returns the refused ones."""
    return await store.commit(rows[0].series.partition, Writes.of(rows), now)


@pytest.fixture(params=["memory", "standalone", "secured", "sentinels", "cluster"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """An empty store of each kind; the Redis ones share servers and differ by pipeline uid."""
    if request.param == "memory":
        yield MemoryStore()
        return
    secret = None
    match request.param:
        case "secured":  # TLS with client certificates, and a user with the least rights
            secured = request.getfixturevalue("secured")
            config, secret = secured.config(), secured.secret
        case "sentinels":
            config = on_sentinels(request.getfixturevalue("sentinels"))
        case "cluster":
            config = config_for(*request.getfixturevalue("cluster"), mode="Cluster")
        case _:
            config = config_for(request.getfixturevalue("standalone"))
    async with opened(config, secret_dir=secret) as store:
        yield store


@pytest.fixture
def series() -> Series:
    return a_series(device="boiler-1")


@pytest.fixture
def neighbour(series: Series) -> Series:
    """Another series of the same partition."""
    candidates = (a_series(device=f"pump-{i}") for i in range(1000))
    return next(other for other in candidates if other.partition == series.partition)


async def test_a_series_without_a_block_reads_as_none(store: Store, series: Series) -> None:
    """A new series is told apart from an empty block."""
    assert await store.read(series.partition, [series]) == [None]


async def test_a_created_block_reads_back_byte_for_byte(store: Store, series: Series) -> None:
    """What a commit wrote is what the next pod reads."""
    refused = await commit(store, creation(series, block(1, 2.5, -3.0)))

    assert refused == []
    assert await store.read(series.partition, [series]) == [block(1, 2.5, -3.0)]


async def test_ranges_are_written_in_place(store: Store, series: Series) -> None:
    """A later commit changes only the ranges that it names."""
    await commit(store, creation(series, block(1, 1.0, 2.0, 3.0)))
    ranges: list[tuple[int, bytes]] = [
        (0, version(2)),
        (2, struct.pack("<d", 9.0)),
    ]

    refused = await commit(store, SeriesWrite(series, version(1), ranges))

    assert refused == []
    assert await store.read(series.partition, [series]) == [block(2, 1.0, 9.0, 3.0)]


async def test_a_range_beyond_the_end_of_a_block_leaves_zeros_between(
    store: Store, series: Series
) -> None:
    """The end of a block is stored when there is something in it."""
    await commit(store, creation(series, block(1, 1.0)))
    ranges = [(0, version(2)), (4, struct.pack("<d", 9.0))]

    assert await commit(store, SeriesWrite(series, version(1), ranges)) == []
    assert await store.read(series.partition, [series]) == [block(2, 1.0, 0.0, 0.0, 9.0)]


async def test_a_whole_write_may_shorten_a_block(store: Store, series: Series) -> None:
    """A block of a smaller window leaves no tail of the larger one."""
    await commit(store, creation(series, block(1, 1.0, 2.0, 3.0)))
    shorter = SeriesWrite(series, version(1), [(0, block(2, 7.0))], whole=True)

    assert await commit(store, shorter) == []
    assert await store.read(series.partition, [series]) == [block(2, 7.0)]


async def test_a_write_from_a_stale_version_is_refused_and_changes_nothing(
    store: Store, series: Series
) -> None:
    """The loser of a race is told so: no bytes, no counts, no anomaly of it remain."""
    await commit(store, creation(series, block(2, 1.0)))
    stale = SeriesWrite(
        series,
        version(1),
        [(0, block(3, 5.0))],
        accepted=7,
        outliers=3,
        anomalies=[an_anomaly(series)],
    )

    refused = await commit(store, stale)

    totals = await store.totals()
    assert refused == [0]
    assert await store.read(series.partition, [series]) == [block(2, 1.0)]
    assert (totals.samples, totals.outliers, totals.anomalies) == (0, 0, 0)
    assert await store.anomalies(0, 10) == []


async def test_two_creations_of_one_series_let_the_first_win(store: Store, series: Series) -> None:
    """Two pods that both see a new series do not overwrite each other."""
    await commit(store, creation(series, block(1, 1.0)))

    assert await commit(store, creation(series, block(2, 2.0))) == [0]
    assert await store.read(series.partition, [series]) == [block(1, 1.0)]


async def test_a_refused_series_does_not_hold_up_its_neighbours(
    store: Store, series: Series, neighbour: Series
) -> None:
    """One call carries many series; each stands for itself."""
    await commit(store, creation(series, block(1, 1.0)))
    writes = [
        creation(series, block(2, 2.0), accepted=1),
        creation(neighbour, block(2, 4.0), accepted=3),
    ]

    assert await commit(store, *writes) == [0]
    assert await store.read(series.partition, [series, neighbour]) == [
        block(1, 1.0),
        block(2, 4.0),
    ]
    assert (await store.totals()).samples == 3


async def test_totals_add_up_over_partitions(store: Store) -> None:
    """Samples, outliers, anomalies and series are the pipeline's, wherever they live."""
    everywhere = [a_series(device=f"d{i}") for i in range(40)]
    assert {item.partition for item in everywhere} == {0, 1, 2, 3}
    for i, item in enumerate(everywhere):
        write = creation(item, block(1, 1.0), accepted=2, outliers=1 if i % 10 == 0 else 0)
        if i == 0:
            write = replace(write, anomalies=[an_anomaly(item)])
        await commit(store, write, now=NOW + i)

    totals = await store.totals()

    assert (totals.samples, totals.outliers, totals.anomalies) == (80, 4, 1)
    assert totals.series == 40
    assert totals.last_sample_ms == NOW + 39


async def test_an_empty_store_has_empty_totals(store: Store) -> None:
    """A pipeline that took nothing yet says zero, not an error."""
    totals = await store.totals()

    assert (totals.samples, totals.series, totals.last_sample_ms) == (0, 0, 0)


async def test_anomalies_come_back_newest_first_and_whole(
    store: Store, clock_ms: Callable[[], int]
) -> None:
    """The outbox keeps every field, over partitions, in order of commit."""
    events = [an_anomaly(a_series(device=f"d{i}")) for i in range(6)]
    for event in events:
        item = a_series(device=event.labels["device"])
        write = creation(item, block(1, 1.0))
        await commit(store, replace(write, anomalies=[event]), now=clock_ms())
        await asyncio.sleep(0.002)  # Redis stamps its streams itself, to the millisecond

    assert await store.anomalies(0, 4) == events[:1:-1]


async def test_anomalies_before_a_time_are_left_out(
    store: Store, series: Series, clock_ms: Callable[[], int]
) -> None:
    """`since` is a time of commit."""
    write = creation(series, block(1, 1.0))
    await commit(store, replace(write, anomalies=[an_anomaly(series)]), now=clock_ms())

    assert await store.anomalies(clock_ms() + 60_000, 10) == []
    assert len(await store.anomalies(clock_ms() - 60_000, 10)) == 1


async def test_a_commit_of_512_series_passes_in_one_call(store: Store) -> None:
    """The largest group a lane makes fits the function's limits."""
    many: list[Series] = []
    i = 0
    while len(many) < 512:
        candidate = a_series(device=f"d{i}")
        i += 1
        if candidate.partition == 0:
            many.append(candidate)

    refused = await commit(store, *(creation(item, block(1, 1.0), accepted=1) for item in many))

    assert refused == []
    assert (await store.totals()).samples == 512


async def test_every_partition_belongs_to_a_lane(
    store: Store, request: pytest.FixtureRequest
) -> None:
    """Numbered from 0 without gaps: one lane for one server, three for a Cluster of three."""
    lanes = (await store.lanes())[:4]

    assert len(lanes) == 4
    assert lanes[0] == 0
    several = "[cluster" in request.node.name
    assert set(lanes) <= {0, 1, 2} if several else set(lanes) == {0}


async def test_a_commit_of_nothing_changes_nothing(store: Store) -> None:
    """It asks whether a commit would be taken."""
    assert await store.commit(0, Writes.of(), NOW) == []
    assert await store.totals() == Totals()


async def test_rows_with_several_ranges_stand_beside_refused_ones(
    store: Store, series: Series, neighbour: Series
) -> None:
    """What is refused is skipped with all that belongs to it, names and anomalies included."""
    await commit(store, creation(series, block(1, *range(6)), accepted=1))
    stale = creation(series, block(9, 9.0), accepted=5, outliers=2)
    rows = [
        replace(stale, anomalies=[an_anomaly(series)]),
        creation(neighbour, block(3, 4.0), accepted=2, outliers=1),
    ]
    assert await commit(store, *rows) == [0]
    ranges = [
        (0, block(4, 7.0)),
        (3, struct.pack("<d", 8.0)),
        (5, struct.pack("<2d", 9.0, 10.0)),
    ]
    rows = [
        replace(stale, expected=version(7), ranges=ranges, whole=False),
        SeriesWrite(neighbour, version(3), [(0, block(5, 6.0))], touch=True, accepted=1),
    ]
    assert await commit(store, *rows) == [0]
    assert await commit(store, SeriesWrite(series, version(1), ranges, accepted=1)) == []

    assert await store.read(series.partition, [series, neighbour]) == [
        block(4, 7.0, 1.0, 8.0, 3.0, 9.0, 10.0),
        block(5, 6.0),
    ]
    totals = await store.totals()
    assert (totals.samples, totals.outliers, totals.anomalies) == (5, 1, 0)
    assert totals.series == 2


async def test_a_ping_of_a_serving_store_returns(store: Store) -> None:
    """Readiness asks this."""
    await store.ping()
