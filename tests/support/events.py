"""Events of the outbox, made up for tests of what follows from them."""

from __future__ import annotations

from array import array

from anomaly_dataplane.sample import Anomaly, Ending, Kind, Side, Trigger
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import DOUBLE
from anomaly_dataplane.store import ABSENT, SeriesWrite, Store, Writes
from samples import START_MS


def raised(
    series: Series,
    second: float = 0.0,
    side: Side = Side.ABOVE,
    *,
    score: float = 8.0,
    episode: float | None = None,
    start_ms: float = START_MS,
) -> Anomaly:
    """An anomaly so many seconds after the start; `episode` is when its episode began."""
    time = start_ms + 1e3 * second
    began = time if episode is None else start_ms + 1e3 * episode
    return Anomaly(
        id=f"{series.id}-{time * 1e3:.0f}",
        metric=series.metric,
        labels=series.labels,
        time=time,
        value=99.0,
        score=score,
        threshold=6.5,
        family="level",
        z=score,
        mean=10.0,
        std=1.0,
        n=60,
        expected=(8.0, 12.0),
        direction=side,
        method="Fused",
        episode=f"{series.id}-{began * 1e3:.0f}",
        episode_start=began,
    )


def recovered(series: Series, second: float, episode: float = 0.0, **fields: float) -> Anomaly:
    """The end of the episode that began so many seconds after the start."""
    from dataclasses import replace

    event = raised(series, second, Side.NONE, episode=episode, **fields)
    return replace(
        event, id=f"{event.episode}-end", kind=Kind.RECOVERED, value=10.0, ending=Ending.CALM
    )


def stale(series: Series, second: float) -> Anomaly:
    """The event of a series that stopped."""
    from dataclasses import replace

    event = raised(series, second, Side.NONE)
    name = f"{event.id}-stale"
    return replace(event, id=name, episode=name, trigger=Trigger.STALE)


async def commit(store: Store, now_ms: int, *events: tuple[Series, Anomaly]) -> None:
    """Append events to the outbox by a commit, as scoring does."""
    for series, event in events:
        (block,) = await store.read(series.partition, [series])
        expected = ABSENT if block is None else block[: len(ABSENT)]
        version = array("d", [event.time]).tobytes()
        assert len(version) == DOUBLE
        write = SeriesWrite(series, expected, [(0, version)], accepted=1, anomalies=[event])
        assert await store.commit(series.partition, Writes.of([write]), now_ms) == []
